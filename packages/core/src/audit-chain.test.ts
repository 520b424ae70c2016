import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  type AuditEntry,
  type AuditHead,
  appendEntry,
  canonicalText,
  chainStart,
  contentHashOf,
  createChainCheck,
  headWord,
  linkHash,
  parseHeadWord,
} from './audit-chain.ts'

const sha256 = (text: string) => hash('sha256', text, 'hex')

function chainOf(count: number): AuditEntry[] {
  const entries: AuditEntry[] = []
  let before = chainStart
  for (let i = 0; i < count; i++) {
    const entry = appendEntry(before, draft(i), sha256)
    entries.push(entry)
    before = entry
  }
  return entries
}

const draft = (i: number) => ({
  organizationId: 1,
  at: i,
  userId: 7,
  user: 'ada@example.org',
  role: 'administrator',
  credential: 'session',
  operation: 'fleets.change',
  target: `fleet f${i}`,
  fleet: null,
  address: '10.0.0.1',
  client: null,
  outcome: 'ok' as const,
  code: null,
  detail: { name: { from: 'a', to: 'b' } },
})

type Told = { anchor?: AuditHead; head?: AuditHead; kept?: AuditHead[] }

function faultIn(entries: readonly AuditEntry[], { anchor, head, kept = [] }: Told = {}) {
  const check = createChainCheck({ organizationId: 1, anchor: anchor ?? chainStart, kept, sha256 })
  for (const entry of entries) {
    const fault = check.add(entry)
    if (fault) return `${fault.kind} ${fault.position}`
  }
  const fault = check.end(head ?? check.last)
  return fault && `${fault.kind} ${fault.position}`
}

test('a chain that nobody touched holds', () => {
  const entries = chainOf(5)
  assert.equal(faultIn(entries, { head: entries[4]! }), null)
  assert.equal(faultIn([]), null)
})

test('an entry that was changed is named, in whichever field', () => {
  const entries = chainOf(5)
  for (const field of Object.keys(draft(0)).filter((name) => name !== 'organizationId'))
    assert.equal(faultIn(entries.with(2, { ...entries[2]!, [field]: 'other' })), 'changed 3', field)
  assert.equal(faultIn(entries.with(2, { ...entries[2]!, organizationId: 2 })), 'other-chain 3')
})

test('an entry that was changed with its hash made anew is found at the one after it', () => {
  const entries = chainOf(5)
  const forged = appendEntry(entries[1]!, { ...draft(2), user: 'eve@example.org' }, sha256)
  assert.equal(faultIn(entries.with(2, forged)), 'changed 4')
})

test('an entry that was removed, repeated or moved is named', () => {
  const entries = chainOf(5)
  assert.equal(faultIn(entries.toSpliced(2, 1)), 'missing 3')
  assert.equal(faultIn(entries.toSpliced(0, 1)), 'missing 1')
  assert.equal(faultIn(entries.toSpliced(2, 0, entries[1]!)), 'out-of-order 2')
  assert.equal(faultIn(entries.with(2, entries[3]!).with(3, entries[2]!)), 'missing 3')
  const swapped = entries
    .with(2, { ...entries[3]!, position: 3 })
    .with(3, { ...entries[2]!, position: 4 })
  assert.equal(faultIn(swapped), 'changed 3')
})

test('an end that was cut off is found by what the log says of its head', () => {
  const entries = chainOf(5)
  assert.equal(faultIn(entries.slice(0, 3), { head: entries[4]! }), 'cut-off 4')
})

test('a log that was written anew is found by a head that was kept elsewhere, and by nothing else', () => {
  const entries = chainOf(5)
  const forged = chainOf(2)
  for (let i = 2; i < 5; i++)
    forged.push(appendEntry(forged[i - 1]!, { ...draft(i), user: 'eve@example.org' }, sha256))
  assert.equal(faultIn(forged, { head: forged[4]! }), null)
  assert.equal(faultIn(forged, { kept: [entries[3]!] }), 'rewritten 4')
  assert.equal(faultIn(forged.slice(0, 3), { kept: [entries[3]!] }), 'cut-off 4')
})

test('what retention leaves holds from its anchor on, and not from another', () => {
  const entries = chainOf(5)
  assert.equal(faultIn(entries.slice(2), { anchor: entries[1]! }), null)
  assert.equal(faultIn(entries.slice(2), { anchor: { ...chainStart, position: 2 } }), 'changed 3')
  const elsewhere = { position: 2, hash: 'f'.repeat(64) }
  assert.equal(faultIn(entries.slice(2), { anchor: entries[1]!, kept: [elsewhere] }), 'rewritten 2')
})

test('entries that are left out keep their place, and cannot hide a change', () => {
  const entries = chainOf(5)
  const check = createChainCheck({ organizationId: 1, anchor: chainStart, sha256 })
  for (const { hash: _, ...content } of entries.slice(0, 3))
    assert.equal(
      check.add({ position: content.position, contentHash: contentHashOf(content, sha256) }),
      null,
    )
  assert.equal(check.add(entries[3]!), null)
  assert.deepEqual(check.add({ ...entries[4]!, user: 'eve@example.org' }), {
    kind: 'changed',
    position: 5,
  })
})

test('the same content is the same text, whatever the order of its keys', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      assert.deepEqual(JSON.parse(canonicalText(value)), JSON.parse(JSON.stringify(value)))
      if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
        const turned = Object.fromEntries(Object.entries(value).reverse())
        assert.equal(canonicalText(turned), canonicalText(value))
      }
    }),
  )
})

// So that a chain can be checked with a few lines in any language; a change here breaks every log.
test('the hash is that of the text which the guide describes', () => {
  const first = chainOf(1)[0]!
  const { hash: _, ...content } = first
  const inner = sha256(canonicalText(content))
  assert.equal(first.hash, sha256(`${'0'.repeat(64)} 1 ${inner}`))
  assert.equal(linkHash(chainStart, inner, sha256), first.hash)
  assert.equal(first.hash, 'ae9aff6ef45695ec0f408472e914fcb09890c9abdaa15f8f6f8d355223f1154c')
})

test('a head is written as one word and read back', () => {
  const head = { position: 4711, hash: 'ab'.repeat(32) }
  assert.deepEqual(parseHeadWord(headWord(3, head)), { organizationId: 3, ...head })
  for (const word of ['', '1-2', `1-2-${'x'.repeat(64)}`, `-1-2-${head.hash}`])
    assert.equal(parseHeadWord(word), null)
})
