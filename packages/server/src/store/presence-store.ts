// Presence's store, over either database: heartbeats in bulk, and judgements with everything that
// follows from them (standing, history, counts, deadline) in one transaction, so that status and
// history cannot disagree whatever is killed in between.

import type { AgentKind } from '@muster/core/policy.ts'
import { type RawBuilder, sql, type Transaction } from 'kysely'
import type {
  Judgement,
  KnownDevice,
  PresenceStore,
  RecordedTransition,
  Renewal,
  Which,
} from '../presence/ports.ts'
import type { Database } from './database.ts'
import { createPolicyReader, docketsOf, evidenceText, selectDockets } from './dockets.ts'
import { createLinkedDevices } from './link-store.ts'
import { createListeningStore } from './listening-store.ts'
import { idsOf, tableOf } from './rows.ts'
import type { Tables } from './tables.ts'
import { appendTransitions, applyCounts, type CountDelta } from './transition-log.ts'

type Trx = Transaction<Tables>
type Dialect = Database['dialect']

export function createPresenceStore(database: Database): PresenceStore {
  const { dialect, write, read } = database
  return {
    ...createListeningStore(database),
    ...createLinkedDevices(database),

    loadKnown: (uuids) => loadKnown(read, dialect, uuids),

    renew: (renewals) => write.transaction().execute((trx) => renew(trx, dialect, renewals)),

    judge(which, decide) {
      return write.transaction().execute(async (trx) => {
        const rows = await selectWhich(trx, dialect, which).execute()
        const judgements = decide(docketsOf(rows))
        const transitions = await writeJudgements(trx, dialect, judgements)
        return { judgements, transitions }
      })
    },

    async loadNextDue(at) {
      const next = await write
        .selectFrom('contacts')
        .select('due_at')
        .where('due_at', '>', at)
        .orderBy('due_at')
        .limit(1)
        .executeTakeFirst()
      return next?.due_at ?? null
    },

    markChangedFleets: (limit) =>
      write.transaction().execute((trx) => markChangedFleets(trx, dialect, limit)),
  }
}

async function loadKnown(
  db: Database['read'],
  dialect: Dialect,
  uuids: readonly string[],
): Promise<KnownDevice[]> {
  const wanted = tableOf(
    dialect,
    { uuid: 'text' },
    uuids.map((uuid) => [uuid]),
  )
  const among = sql<boolean>`d.uuid in (select uuid from ${wanted} as wanted)`
  const rows = await db
    .selectFrom('devices as d')
    .innerJoin('contacts as c', 'c.device_id', 'd.id')
    .innerJoin('fleets as f', 'f.id', 'd.fleet_id')
    .select(['d.id', 'd.uuid', 'd.name', 'd.fleet_id', 'd.policy', 'd.status'])
    .select(['f.policy as fleet_policy', 'c.version', 'c.agent', 'c.address'])
    .select(['c.due_at', 'c.renew_ms', 'c.cap_at'])
    .select(hasActions.as('has_actions'))
    .where(among)
    .execute()
  const keys = await db
    .selectFrom('device_keys as k')
    .innerJoin('devices as d', 'd.id', 'k.device_id')
    .select(['k.device_id', 'k.hash', 'k.expires_at'])
    .where(among)
    .execute()
  const keysOf = Map.groupBy(keys, (key) => key.device_id)
  const policyOf = createPolicyReader()
  return rows.map((row) => ({
    deviceId: row.id,
    uuid: row.uuid,
    name: row.name,
    fleetId: row.fleet_id,
    version: row.version,
    keys: (keysOf.get(row.id) ?? []).map(({ hash, expires_at }) => ({
      hash,
      expiresAt: expires_at,
    })),
    policy: policyOf(row.fleet_policy, row.policy),
    frozen: row.status === 'frozen',
    agent: row.agent as AgentKind | null,
    address: row.address,
    dueAt: row.due_at,
    renewMs: row.renew_ms,
    capAt: row.cap_at,
    hasActions: Boolean(row.has_actions),
  }))
}

const hasActions = sql<number | boolean>`exists (select 1 from actions as a
  where a.device_id = d.id and a.state in ('queued', 'sent'))`

/** A renewal counts only where nothing has happened to the device that its sender did not know. */
async function renew(trx: Trx, dialect: Dialect, renewals: readonly Renewal[]): Promise<number[]> {
  const columns = {
    device_id: 'int',
    version: 'int',
    since_at: 'int',
    heartbeat_at: 'int',
    due_at: 'int',
    told_ms: 'int',
    address: 'text',
  } as const
  // In the order of the table, so that pages are visited once and locks are taken in one order.
  const sorted = renewals.toSorted((a, b) => a.deviceId - b.deviceId)
  const heard = tableOf(
    dialect,
    columns,
    sorted.map((r) => [
      r.deviceId,
      r.version,
      r.sinceAt,
      r.heartbeatAt,
      r.dueAt,
      r.toldMs,
      r.address,
    ]),
  )
  const { numAffectedRows } = await sql`update contacts set
      heartbeat_at = heard.heartbeat_at,
      due_at = heard.due_at,
      told_ms = coalesce(heard.told_ms, contacts.told_ms),
      address = heard.address
    from ${heard} as heard
    where contacts.device_id = heard.device_id
      and contacts.version = heard.version
      and contacts.due_at >= heard.since_at
      and coalesce(contacts.heartbeat_at, 0) <= heard.heartbeat_at`.execute(trx)
  if (Number(numAffectedRows) === renewals.length) return []
  const { rows } = await sql<{ device_id: number }>`select heard.device_id
    from ${heard} as heard left join contacts on contacts.device_id = heard.device_id
      and contacts.version = heard.version
      and contacts.heartbeat_at >= heard.heartbeat_at
    where contacts.device_id is null`.execute(trx)
  return rows.map((row) => row.device_id)
}

function selectWhich(trx: Trx, dialect: Dialect, which: Which) {
  const dockets = selectDockets(trx)
  const locked = dialect === 'postgres' ? dockets.forUpdate('c') : dockets
  if ('deviceIds' in which) {
    const ids = sql`(select id from ${idsOf(dialect, which.deviceIds)} as asked)`
    return locked.where(sql<boolean>`c.device_id in ${ids}`).orderBy('c.device_id')
  }
  const due = locked.where('c.due_at', '<=', which.dueUntil).orderBy('c.due_at').limit(which.limit)
  return dialect === 'postgres' ? due.skipLocked() : due
}

async function writeJudgements(
  trx: Trx,
  dialect: Dialect,
  judgements: readonly Judgement[],
): Promise<RecordedTransition[]> {
  if (judgements.length === 0) return []
  await writeContacts(trx, dialect, judgements)
  await writeDevices(trx, dialect, judgements.filter(changesDevice))
  await writeCounts(trx, dialect, judgements)
  return writeTransitions(trx, dialect, judgements)
}

async function writeContacts(trx: Trx, dialect: Dialect, judgements: readonly Judgement[]) {
  const columns = {
    device_id: 'int',
    judged_at: 'int',
    due_at: 'int',
    renew_ms: 'int',
    cap_at: 'int',
    heartbeat_at: 'int',
    told_ms: 'int',
    agent: 'text',
    address: 'text',
  } as const
  const judged = tableOf(
    dialect,
    columns,
    judgements.map(({ docket, evidence, judgedAt, dueAt, renewMs, capAt }) => [
      docket.deviceId,
      judgedAt,
      dueAt,
      renewMs,
      capAt,
      evidence.heartbeat?.at ?? null,
      evidence.told?.intervalMs ?? null,
      evidence.heartbeat?.agent ?? null,
      evidence.heartbeat?.address ?? null,
    ]),
  )
  await sql`update contacts set version = version + 1, ${assignments(columns)}
    from ${judged} as judged where contacts.device_id = judged.device_id`.execute(trx)
}

/** Most judgements only move a deadline; then the wide row is left alone. */
function changesDevice({ docket, evidence, standing, active }: Judgement): boolean {
  return (
    evidence !== docket.evidence ||
    active !== docket.active ||
    standing.status !== docket.standing.status ||
    standing.heartbeat !== docket.standing.heartbeat ||
    standing.cloudlink !== docket.standing.cloudlink ||
    standing.reasonCodes !== docket.standing.reasonCodes ||
    standing.progress !== docket.standing.progress
  )
}

async function writeDevices(trx: Trx, dialect: Dialect, judgements: readonly Judgement[]) {
  if (judgements.length === 0) return
  const columns = {
    device_id: 'int',
    evidence: 'text',
    active: 'int',
    status: 'text',
    status_since: 'int',
    heartbeat_state: 'text',
    heartbeat_since: 'int',
    cloudlink_state: 'text',
    cloudlink_since: 'int',
    reason_codes: 'text',
    progress: 'real',
  } as const
  const judged = tableOf(
    dialect,
    columns,
    judgements.map(({ docket, evidence, standing, active }) => [
      docket.deviceId,
      evidence === docket.evidence ? null : evidenceText(evidence),
      active ? 1 : 0,
      standing.status,
      standing.statusSince,
      standing.heartbeat,
      standing.heartbeatSince,
      standing.cloudlink,
      standing.cloudlinkSince,
      standing.reasonCodes,
      standing.progress,
    ]),
  )
  const { evidence: _, ...rest } = columns
  await sql`update devices set ${assignments(rest)},
      evidence = coalesce(judged.evidence, devices.evidence)
    from ${judged} as judged where devices.id = judged.device_id`.execute(trx)
}

function assignments(columns: Record<string, unknown>): RawBuilder<unknown> {
  const names = Object.keys(columns).filter((name) => name !== 'device_id')
  return sql.raw(names.map((name) => `${name} = judged.${name}`).join(', '))
}

async function writeCounts(trx: Trx, dialect: Dialect, judgements: readonly Judgement[]) {
  const deltas: CountDelta[] = []
  const activeDeltas: { fleetId: number; delta: number }[] = []
  for (const { docket, standing, active } of judgements) {
    const { fleetId, standing: before } = docket
    if (standing.status !== before.status) {
      if (before.status) deltas.push({ fleetId, status: before.status, delta: -1 })
      deltas.push({ fleetId, status: standing.status!, delta: 1 })
    }
    if (active !== docket.active) activeDeltas.push({ fleetId, delta: active ? 1 : -1 })
  }
  await applyCounts(trx, dialect, deltas, activeDeltas)
}

async function writeTransitions(
  trx: Trx,
  dialect: Dialect,
  judgements: readonly Judgement[],
): Promise<RecordedTransition[]> {
  const made = judgements
    .flatMap(({ docket, transitions }) =>
      transitions.map((transition, i) => ({
        docket,
        transition,
        before: transitions[i - 1] ?? (docket.standing.status === null ? null : docket.standing),
      })),
    )
    .sort((a, b) => a.transition.at - b.transition.at)
  const firstId = await appendTransitions(
    trx,
    dialect,
    made.map(({ docket, transition, before }) => ({
      ...transition,
      deviceId: docket.deviceId,
      fleetId: docket.fleetId,
      before,
    })),
  )
  return made.map(({ docket, transition }, i) => ({
    ...transition,
    id: firstId + i,
    uuid: docket.uuid,
    name: docket.name,
    fleet: docket.fleetSlug,
  }))
}

/** The devices of one changed fleet, some at a time: a fleet may have a million. */
async function markChangedFleets(trx: Trx, dialect: Dialect, limit: number): Promise<boolean> {
  const changed = trx
    .selectFrom('fleets')
    .select(['id', 'rejudge_after'])
    .where('rejudge_after', 'is not', null)
    .orderBy('id')
    .limit(1)
  const fleet = await (dialect === 'postgres' ? changed.forUpdate() : changed).executeTakeFirst()
  if (!fleet) return false
  const devices = await trx
    .selectFrom('devices')
    .select('id')
    .where('fleet_id', '=', fleet.id)
    .where('id', '>', fleet.rejudge_after)
    .orderBy('id')
    .limit(limit)
    .execute()
  const ids = idsOf(
    dialect,
    devices.map(({ id }) => id),
  )
  await sql`update contacts set due_at = 0, version = version + 1
    where device_id in (select id from ${ids} as changed)`.execute(trx)
  const rejudge_after = devices.length < limit ? null : devices.at(-1)!.id
  await trx.updateTable('fleets').set({ rejudge_after }).where('id', '=', fleet.id).execute()
  return true
}
