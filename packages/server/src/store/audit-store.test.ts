import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AuditEntry, chainStart, createChainCheck } from '@muster/core/audit-chain.ts'
import { sql } from 'kysely'
import type { AuditDraft } from '../audit/ports.ts'
import { databases, noon } from '../fixtures.ts'
import { createAuditStore, sha256 } from './audit-store.ts'
import { type Database, openDatabase } from './database.ts'

const draft = (more: Partial<AuditDraft> = {}): AuditDraft => ({
  organizationId: 1,
  at: noon,
  userId: 7,
  user: 'ada@example.org',
  role: 'administrator',
  credential: 'session',
  operation: 'fleets.change',
  target: 'fleet kiosks',
  fleet: 'kiosks',
  address: '10.0.0.1',
  client: 'muster/1',
  outcome: 'ok',
  code: null,
  detail: { name: { from: 'a', to: 'b\u0000' } },
  ...more,
})

async function openLog(open: () => Promise<Database> = () => openDatabase({ kind: 'memory' })) {
  const database = await open()
  const store = createAuditStore(database)
  const log = {
    database,
    store,
    append: (...drafts: AuditDraft[]) =>
      store.write({ begin: [], end: [{ actId: null, drafts, answer: null }] }),

    async entries(organizationId = 1): Promise<AuditEntry[]> {
      const slice = { after: 0, until: 1_000, limit: 1_000, filter: {} }
      return (await store.loadSlice(organizationId, slice)).map(({ entry }) => entry)
    },

    /** The first fault of the chain as it is stored, in words. */
    async verify(kept: { position: number; hash: string }[] = []): Promise<string | null> {
      const { anchor, head } = await store.loadEnds(1)
      const check = createChainCheck({ organizationId: 1, anchor, kept, sha256 })
      for (const entry of await log.entries()) {
        const fault = check.add(entry)
        if (fault) return `${fault.kind} ${fault.position}`
      }
      const fault = check.end(head)
      return fault && `${fault.kind} ${fault.position}`
    },

    [Symbol.asyncDispose]: () => database.close(),
  }
  return log
}

const five = Array.from({ length: 5 }, (_, i) => draft({ at: noon + i, target: `fleet f${i}` }))

for (const { name, skip, open } of databases) {
  test(`${name}: entries are read as they were written, each chain by itself`, {
    skip,
  }, async () => {
    await using log = await openLog(open)
    await log.append(draft(), draft({ organizationId: 2, user: null, userId: null }), draft())
    await log.append(draft({ detail: { '10': 1, '9': [null, true, 1.5, 'ä\ud800'] } }))
    assert.deepEqual(
      (await log.entries()).map(({ position }) => position),
      [1, 2, 3],
    )
    assert.deepEqual(
      (await log.entries(2)).map(({ position }) => position),
      [1],
    )
    const { hash: _, position: __, ...first } = (await log.entries())[0]!
    assert.deepEqual(first, draft())
    assert.equal(await log.verify(), null)
    assert.equal((await log.store.loadAllHeads()).length, 2)
  })

  test(`${name}: whatever is done to the table, the first bad entry is named`, {
    skip,
  }, async () => {
    const tamperings: [string, string[], string][] = [
      [
        'an edit',
        [`update audit_entries set user_email = 'eve@x' where position = 3`],
        'changed 3',
      ],
      [
        'an edit of detail',
        [`update audit_entries set detail = '{}' where position = 2`],
        'changed 2',
      ],
      [
        'an edit to no JSON',
        [`update audit_entries set detail = '{' where position = 2`],
        'changed 2',
      ],
      [
        'an edit of a hash',
        [`update audit_entries set hash = 'f' where position = 4`],
        'changed 4',
      ],
      ['a deletion', ['delete from audit_entries where position = 3'], 'missing 3'],
      ['a deletion of the first', ['delete from audit_entries where position = 1'], 'missing 1'],
      [
        'a deletion that closes the gap',
        [
          'delete from audit_entries where position = 3',
          'update audit_entries set position = position - 1 where position = 4',
          'update audit_entries set position = position - 1 where position = 5',
        ],
        'changed 3',
      ],
      [
        'two that were swapped',
        [
          'update audit_entries set position = 99 where position = 2',
          'update audit_entries set position = 2 where position = 3',
          'update audit_entries set position = 3 where position = 99',
        ],
        'changed 2',
      ],
      [
        'one that was inserted',
        [
          'update audit_entries set position = position + 10 where position > 2',
          `insert into audit_entries select organization_id, 3, at, user_id, user_email, role,
            credential, operation, target, fleet, address, client, outcome, code, detail, hash
            from audit_entries where position = 2`,
          'update audit_entries set position = position - 9 where position > 10',
        ],
        'changed 3',
      ],
      ['an end that was cut off', ['delete from audit_entries where position > 3'], 'cut-off 4'],
    ]
    for (const [what, statements, found] of tamperings) {
      await using log = await openLog(open)
      await log.append(...five)
      assert.equal(await log.verify(), null)
      for (const statement of statements) await sql.raw(statement).execute(log.database.write)
      assert.equal(await log.verify(), found, what)
    }
  })

  test(`${name}: an end that was cut off along with its head is found by a head kept elsewhere`, {
    skip,
  }, async () => {
    await using log = await openLog(open)
    await log.append(...five)
    const { head: kept } = await log.store.loadEnds(1)
    const third = (await log.entries())[2]!
    await sql`delete from audit_entries where position > 3`.execute(log.database.write)
    await sql`update audit_heads set position = 3, hash = ${third.hash}`.execute(log.database.write)
    assert.equal(await log.verify(), null)
    assert.equal(await log.verify([kept]), 'cut-off 4')
    await log.append(...five.slice(3).map((one) => ({ ...one, user: 'eve@example.org' })))
    assert.equal(await log.verify(), null)
    assert.equal(await log.verify([kept]), 'rewritten 5')
  })

  test(`${name}: writers at once make one chain`, { skip }, async () => {
    await using log = await openLog(open)
    const other = createAuditStore(log.database)
    await Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        (i % 2 ? other : log.store).write({
          begin: [],
          end: [
            {
              actId: null,
              drafts: [draft({ at: noon + i }), draft({ organizationId: 2 - (i % 3) })],
              answer: null,
            },
          ],
        }),
      ),
    )
    assert.equal(await log.verify(), null)
    const counts = await Promise.all([0, 1, 2].map(async (id) => (await log.entries(id)).length))
    assert.deepEqual(
      counts.reduce((sum, count) => sum + count, 0),
      80,
    )
  })

  test(`${name}: retention leaves an anchor from which the rest still holds`, {
    skip,
  }, async () => {
    await using log = await openLog(open)
    await log.append(...five)
    const second = (await log.entries())[1]!
    assert.equal(await log.store.prune(1, noon, 100), null)
    assert.equal((await log.store.prune(1, noon + 3, 2))?.hash, second.hash)
    assert.deepEqual((await log.store.loadEnds(1)).anchor, { position: 2, hash: second.hash })
    assert.equal(await log.verify(), null)
    await log.append(draft())
    assert.equal(await log.verify(), null)
    await sql`delete from audit_entries where position = 3`.execute(log.database.write)
    assert.equal(await log.verify(), 'missing 3')
    assert.equal((await log.store.prune(1, noon + 100, 100))?.position, 6)
    await log.append(draft())
    assert.equal(await log.verify(), null)
    assert.deepEqual(await log.store.loadEnds(9), { anchor: chainStart, head: chainStart })
  })

  test(`${name}: filters narrow the list, newest first, and mark the slice of an export`, {
    skip,
  }, async () => {
    await using log = await openLog(open)
    await log.append(
      draft({ at: noon, operation: 'fleets.create' }),
      draft({ at: noon + 1, user: 'bob@example.org', target: 'fleet kiosks-2' }),
      draft({ at: noon + 2, outcome: 'refused', code: 'fleet-not-empty', fleet: null }),
      draft({ at: noon + 3, operation: 'devices.change', detail: { name: '100%_sure' } }),
    )
    const found = async (filter: object) =>
      (await log.store.loadPage(1, { before: null, limit: 10, filter })).map((one) => one.position)
    assert.deepEqual(await found({}), [4, 3, 2, 1])
    assert.deepEqual(await found({ user: 'Bob@example.org' }), [2])
    assert.deepEqual(await found({ operation: 'fleets' }), [3, 2, 1])
    assert.deepEqual(await found({ operation: 'fleets.create' }), [1])
    assert.deepEqual(await found({ target: 'fleet kiosks-' }), [2])
    assert.deepEqual(await found({ fleet: 'kiosks', from: noon + 1, to: noon + 3 }), [2])
    assert.deepEqual(await found({ outcome: 'refused' }), [3])
    assert.deepEqual(await found({ q: '100%_S' }), [4])
    assert.deepEqual(await found({ q: '1000' }), [])
    assert.deepEqual(await found({ q: 'not-empty' }), [3])
    const page = await log.store.loadPage(1, { before: 3, limit: 1, filter: {} })
    assert.deepEqual(
      page.map(({ position }) => position),
      [2],
    )
    const slice = { after: 1, until: 3, limit: 10, filter: { outcome: 'refused' as const } }
    assert.deepEqual(
      (await log.store.loadSlice(1, slice)).map(({ entry, matches }) => [entry.position, matches]),
      [
        [2, false],
        [3, true],
      ],
    )
    assert.equal(await log.store.findPositionAt(1, noon + 2), 3)
    assert.equal(await log.store.findPositionAt(1, noon + 4), null)
  })

  test(`${name}: one who changes a thing keeps others from it until the act has ended`, {
    skip,
  }, async () => {
    await using log = await openLog(open)
    const begin = (id: string, guards: string | null) => ({
      id,
      replica: 'r',
      at: noon,
      draft: draft(),
      guards,
      idempotency: null,
    })
    const write = async (...begins: ReturnType<typeof begin>[]) =>
      (await log.store.write({ begin: begins, end: [] })).map(({ kind }) => kind)
    assert.deepEqual(await write(begin('a', 'x'), begin('b', 'y'), begin('c', 'x')), [
      'begun',
      'begun',
      'guarded',
    ])
    assert.deepEqual(await write(begin('d', null), begin('e', null)), ['begun', 'begun'])
    await log.store.write({ begin: [], end: [{ actId: 'a', drafts: [], answer: null }] })
    assert.deepEqual(await write(begin('f', 'x')), ['begun'])
  })

  test(`${name}: a key is answered as the first time, or is free again`, { skip }, async () => {
    await using log = await openLog(open)
    const begin = async (id: string, requestHash = 'h') => {
      const act = { id, replica: 'r', at: noon, draft: draft(), guards: null }
      const idempotency = { scope: 'k', requestHash }
      return (await log.store.write({ begin: [{ ...act, idempotency }], end: [] }))[0]
    }
    const end = (actId: string, answer: { status: number; sealed: string } | null) =>
      log.store.write({ begin: [], end: [{ actId, drafts: [], answer }] })
    const known = { kind: 'repeated', requestHash: 'h' }
    assert.deepEqual(await begin('a'), { kind: 'begun' })
    assert.deepEqual(await begin('b'), { ...known, answer: null, isUnderWay: true })
    await end('a', null)
    assert.deepEqual(await begin('c'), { kind: 'begun' })
    const answer = { status: 201, sealed: 'sealed' }
    await end('c', answer)
    assert.deepEqual(await begin('d', 'other'), { ...known, answer, isUnderWay: false })
    await log.store.deleteIdempotencyKeys(noon + 1)
    assert.deepEqual(await begin('e'), { kind: 'begun' })
  })

  test(`${name}: acts that nobody ended are found with what they were`, { skip }, async () => {
    await using log = await openLog(open)
    const act = { replica: 'gone', draft: draft(), guards: null, idempotency: null }
    const acts = [
      { ...act, id: 'a', at: noon },
      { ...act, id: 'b', at: noon + 10 },
      { ...act, id: 'c', at: noon, replica: 'me' },
    ]
    await log.store.write({ begin: acts, end: [] })
    assert.deepEqual(await log.store.loadAbandonedActs('me', noon + 10), [
      { id: 'a', draft: draft() },
    ])
  })
}
