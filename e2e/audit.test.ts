// kill -9 of the server while many change things over HTTP. Whatever was answered is in the audit log
// once, whatever is not in it was not done, nothing is half done, and the chain holds; and what somebody
// then changes in the tables by hand is named from the command line.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import type { DeviceView } from '@muster/core/api.ts'
import type { AuditOutcome } from '@muster/core/audit-chain.ts'
import { exitCodes } from '@muster/core/errors.ts'
import { administrator, openStage, runSql, type Stage, stores, until } from './fixtures.ts'

const crashCount = 4
const writerCount = 8

/** One change; its operation and its target are like no other's. */
type Act = { method: string; path: string; body?: object; operation: string; target: string }
/** `key` is of a create, which may be repeated under it. */
type Told = Act & { key: string; isAnswered: boolean }
type Entry = { outcome: AuditOutcome; count: number }

for (const store of stores)
  test(`${crashCount} crashes leave an audit log that holds, and agrees with what was answered and done (${store.name})`, {
    skip: store.skip,
  }, async () => {
    await using stage = await openStage({ store, env: { MUSTER_API_RATE: '0' } })
    const told: Told[] = []
    const { head } = await stage.api.audit.head()
    for (let crash = 1; crash <= crashCount; crash++) {
      const enough = told.length + 8 * writerCount
      const writers = Array.from({ length: writerCount }, (_, i) => write(stage, told, crash, i))
      await until('enough was asked', () => (told.length >= enough ? true : null))
      // A different moment of the server's rounds each time.
      await wait((crash * 37) % 100)
      await stage.server.kill()
      await Promise.all(writers)
      await stage.server.start()
      const lost = told.filter(({ isAnswered }) => !isAnswered)
      for (const one of lost) if (one.method === 'POST') await tell(stage, one)
      await assertVerifies(stage)
    }
    await assertVerifies(stage, '--since-head', head)
    await assertAgrees(stage, told, store === stores[0])
    await assertTamperingIsNamed(stage)
  })

/** Changes one thing after the other, until the server is gone. */
async function write(stage: Stage, told: Told[], crash: number, writer: number): Promise<void> {
  for (let round = 1; ; round++)
    for (const act of actsOf(`fleet-${crash}-${writer}-${round}`)) {
      const one = { ...act, key: randomUUID(), isAnswered: false }
      told.push(one)
      if (!(await tell(stage, one))) return
    }
}

function actsOf(slug: string): Act[] {
  const uuid = randomUUID().replaceAll('-', '')
  const [fleet, device] = [`/fleets/${slug}`, `/devices/${uuid}`]
  const made = { fleet: slug, uuid, name: 'new', tags: { is: 'new' } }
  const changed = { name: 'changed', tags: { is: 'changed' } }
  const of = { fleet: `fleet ${slug}`, device: `device ${uuid}` }
  return [
    act('POST', '/fleets', 'fleets.create', of.fleet, { name: slug, slug }),
    act('PATCH', fleet, 'fleets.change', of.fleet, { name: `${slug} changed` }),
    act('POST', '/devices', 'devices.create', of.device, made),
    act('PATCH', device, 'devices.change', of.device, changed),
    act('POST', `${device}/freeze`, 'devices.freeze', of.device),
    act('DELETE', device, 'devices.delete', of.device),
    act('DELETE', fleet, 'fleets.delete', of.fleet),
  ]
}

function act(method: string, path: string, operation: string, target: string, body?: object): Act {
  return { method, path, operation, target, ...(body && { body }) }
}

/** False: there was no answer, and it is not known what was done. */
async function tell({ server }: Stage, told: Told): Promise<boolean> {
  const { method, path, body, key } = told
  const answer = await fetch(`${server.url}/api/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${administrator.MUSTER_ADMIN_TOKEN}`,
      ...(body ? { 'content-type': 'application/json' } : {}),
      ...(method === 'POST' ? { 'idempotency-key': key } : {}),
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
  }).then(
    async (said) => ({ status: said.status, text: await said.text() }),
    () => null,
  )
  if (!answer) return false
  told.isAnswered = answer.status < 300
  // Only what was lost before is told again, and then it may be that nobody knows.
  if (!told.isAnswered) assert.match(answer.text, /"idempotency-(outcome-unknown|in-progress)"/)
  return told.isAnswered
}

async function assertVerifies({ muster }: Stage, ...words: string[]): Promise<void> {
  const { code, out, err } = await muster('audit', 'verify', ...words)
  assert.deepEqual([code, err], [exitCodes.ok, ''], out)
  assert.match(out, /^The audit log holds: /)
}

/** `isAlone`: nobody else may still end what was begun, so nothing is left for later. */
async function assertAgrees(stage: Stage, told: readonly Told[], isAlone: boolean): Promise<void> {
  const { entries, begun } = await loadEntries(stage)
  if (isAlone) assert.deepEqual([...begun], [])
  const isDone = await loadEffects(stage, told)
  const outcomes = new Set<string>()
  for (const one of told) {
    const name = nameOf(one)
    const { outcome, count } = entries.get(name) ?? { outcome: null, count: 0 }
    if (one.isAnswered) assert.deepEqual([outcome, count], ['ok', 1], `${name} was answered`)
    if (outcome === null && !begun.has(name))
      assert.equal(isDone(one) ?? false, false, `${name} was done without a trace`)
    if (outcome === 'ok') assert.equal(isDone(one) ?? true, true, `${name} is said to be done`)
    assert.ok(count <= 1, `${name} is in the log ${count} times`)
    outcomes.add(outcome ?? 'none')
  }
  assert.ok(outcomes.has('ok'))
  if (isAlone) assert.ok(outcomes.has('unknown'), 'the kills came in the middle of something')
}

const nameOf = ({ operation, target }: { operation: string; target: string | null }) =>
  `${operation} ${target}`

/** By what was done to what; and what is still to be entered, as soon as its replica is given up. */
async function loadEntries(stage: Stage) {
  const entries = new Map<string, Entry>()
  for await (const { items } of stage.api.audit.pages({ limit: 500 }))
    for (const { outcome, ...entry } of items) {
      const count = (entries.get(nameOf(entry))?.count ?? 0) + 1
      entries.set(nameOf(entry), { outcome, count })
    }
  const rows = await runSql(stage, 'select draft from audit_acts')
  const begun = new Set(rows.map(({ draft }) => nameOf(JSON.parse(String(draft)))))
  return { entries, begun }
}

/** Whether an act has had its effect; null: what came after it has taken the thing away. */
async function loadEffects({ api }: Stage, told: readonly Told[]) {
  const fleets = new Map<string, string>()
  for await (const { items } of api.fleets.pages({ limit: 500 }))
    for (const { slug, name } of items) fleets.set(`fleet ${slug}`, name)
  const devices = new Map<string, DeviceView>()
  for await (const { items } of api.devices.pages({ limit: 500 }))
    for (const view of items) devices.set(`device ${view.uuid}`, view)
  for (const [target, view] of devices) await assertWhole(api, target, view)
  const removals = told.filter(({ method }) => method === 'DELETE').map(({ target }) => target)
  const mayBeGone = new Set(removals)
  return ({ operation, target }: Act): boolean | null => {
    const isThere = fleets.has(target) || devices.has(target)
    if (operation.endsWith('delete')) return !isThere
    if (!isThere && mayBeGone.has(target)) return null
    if (operation.endsWith('create')) return isThere
    const device = devices.get(target)
    if (operation === 'devices.freeze') return device?.status.status === 'frozen'
    return (fleets.get(target) ?? device?.name ?? '').endsWith('changed')
  }
}

async function assertWhole(api: Stage['api'], target: string, view: DeviceView): Promise<void> {
  assert.deepEqual(view.tags, { is: view.name }, `name and tags of ${target} go together`)
  let beginnings = 0
  for await (const { items } of api.devices.history(view.uuid))
    beginnings += items.filter(({ from }) => from === null).length
  assert.equal(beginnings, 1, `the history of ${target} begins once`)
}

/** By somebody who may write to the database, and puts it right again each time. */
const tamperings = [
  { set: 'at = at - 1', undo: 'at = at + 1', said: 'does not match its hash' },
  { set: 'position = -position', undo: 'position = -position', said: 'was removed' },
] as const

async function assertTamperingIsNamed(stage: Stage): Promise<void> {
  const row = `organization_id = 1 and abs(position) = 17`
  for (const { set, undo, said } of tamperings) {
    await runSql(stage, `update audit_entries set ${set} where ${row}`)
    const { code, out } = await stage.muster('audit', 'verify')
    assert.equal(code, exitCodes.failed, out)
    assert.match(out, /^The audit log does not hold: entry 17 /)
    assert.ok(out.includes(said), out)
    await runSql(stage, `update audit_entries set ${undo} where ${row}`)
  }
  await assertVerifies(stage)
}
