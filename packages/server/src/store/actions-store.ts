// Actions over either database. A row is read, decided about and written in one transaction in which
// nobody else writes it, so that two replicas, two channels and a deadline that all have something to
// say of one action are heard one after another.

import {
  type ActionEvent,
  type ActionKind,
  type ActionState,
  actionDueAt,
  advanceAction,
} from '@muster/core/actions.ts'
import { type Selectable, sql, type Transaction } from 'kysely'
import type {
  ActionChange,
  ActionStep,
  ActionStore,
  NewAction,
  StoredAction,
} from '../actions/ports.ts'
import type { Database, Db } from './database.ts'
import { tableOf } from './rows.ts'
import type { Tables } from './tables.ts'

type Trx = Transaction<Tables>
type Row = Selectable<Tables['actions']> & {
  uuid: string
  name: string
  fleet: string
  status: string
}

/** Sent again and again, it would grow: only its latest steps are kept. */
const maxSteps = 30

export function createActionStore({ write, read, dialect }: Database): ActionStore {
  const locked = (trx: Trx) => {
    const rows = selectActions(trx)
    return dialect === 'postgres' ? rows.forUpdate('a') : rows
  }
  return {
    insert: (action, maxWaiting) =>
      write.transaction().execute((trx) => insert(trx, action, maxWaiting)),

    advance: (changes) =>
      write.transaction().execute(async (trx) => {
        const ids = [...new Set(changes.map(({ id }) => id))].sort()
        if (ids.length === 0) return []
        const rows = await locked(trx).where('a.id', 'in', ids).orderBy('a.id').execute()
        const known = new Map(rows.map((row) => [row.id, actionOf(row)]))
        return writeAdvanced(trx, known, changes)
      }),

    countOpen: (deviceId) => countOpen(read, deviceId),

    async find(id) {
      const row = await selectActions(read).where('a.id', '=', id).executeTakeFirst()
      return row ? actionOf(row) : null
    },

    async loadWaiting(uuids) {
      const rows = uuids.map((uuid): [string] => [uuid])
      const wanted = tableOf(dialect, { uuid: 'text' }, rows)
      const waiting = await selectActions(write)
        .where(sql<boolean>`d.uuid in (select uuid from ${wanted} as wanted)`)
        .where(sql<boolean>`a.state in ('queued', 'sent')`)
        .orderBy('a.id')
        .execute()
      return waiting.map(actionOf)
    },

    advanceDue: (until, limit, decide) =>
      write.transaction().execute(async (trx) => {
        const due = locked(trx)
          .innerJoin('contacts as c', 'c.device_id', 'a.device_id')
          .select(['c.heartbeat_at', 'd.cloudlink_state'])
          .where('a.due_at', '<=', until)
          .orderBy('a.due_at')
          .limit(limit)
        const rows = await (dialect === 'postgres' ? due.skipLocked() : due).execute()
        const changes = rows.flatMap((row): ActionChange[] => {
          const contactAt = row.cloudlink_state === 'connected' ? until : row.heartbeat_at
          const event = decide(actionOf(row), contactAt)
          return event ? [{ id: row.id, event }] : []
        })
        const known = new Map(rows.map((row) => [row.id, actionOf(row)]))
        const changed = await writeAdvanced(trx, known, changes)
        return { seen: rows.map(actionOf), changed }
      }),

    async loadNextDue() {
      const next = await write
        .selectFrom('actions')
        .select('due_at')
        .where('due_at', 'is not', null)
        .orderBy('due_at')
        .limit(1)
        .executeTakeFirst()
      return next?.due_at ?? null
    },
  }
}

export function selectActions(db: Db | Trx) {
  return db
    .selectFrom('actions as a')
    .innerJoin('devices as d', 'd.id', 'a.device_id')
    .innerJoin('fleets as f', 'f.id', 'd.fleet_id')
    .selectAll('a')
    .select(['d.uuid', 'd.name', 'd.status', 'f.slug as fleet'])
}

async function countOpen(db: Db | Trx, deviceId: number): Promise<number> {
  const { count } = await db
    .selectFrom('actions')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('device_id', '=', deviceId)
    .where('due_at', 'is not', null)
    .executeTakeFirstOrThrow()
  return Number(count)
}

async function insert(
  trx: Trx,
  action: NewAction,
  maxWaiting: number,
): Promise<StoredAction | null> {
  // The row of the device is written first, so that of two who ask at once each counts the other.
  await trx
    .updateTable('contacts')
    .set((eb) => ({ version: eb('version', '+', 1) }))
    .where('device_id', '=', action.deviceId)
    .execute()
  if ((await countOpen(trx, action.deviceId)) >= maxWaiting) return null
  const { id, deviceId, kind, service, by, createdAt, expiresAt } = action
  const first: ActionStep = { at: createdAt, state: 'queued', channel: null }
  await trx
    .insertInto('actions')
    .values({
      id,
      device_id: deviceId,
      kind,
      service,
      requested_by: by,
      state: 'queued',
      channel: null,
      created_at: createdAt,
      expires_at: expiresAt,
      sent_at: null,
      sent_count: 0,
      started_at: null,
      ended_at: null,
      result: null,
      steps: JSON.stringify([first]),
      due_at: expiresAt,
    })
    .execute()
  const row = await selectActions(trx).where('a.id', '=', id).executeTakeFirstOrThrow()
  return actionOf(row)
}

async function writeAdvanced(
  trx: Trx,
  known: Map<string, StoredAction>,
  changes: readonly ActionChange[],
): Promise<StoredAction[]> {
  const changed = new Set<string>()
  for (const { id, deviceId, event } of changes) {
    const action = known.get(id)
    if (!action || (deviceId !== undefined && action.deviceId !== deviceId)) continue
    const next = advanced(action, event)
    if (!next) continue
    known.set(id, next)
    changed.add(id)
  }
  const actions = [...changed].map((id) => known.get(id)!)
  for (const action of actions) {
    await trx
      .updateTable('actions')
      .set({
        state: action.state,
        channel: action.channel,
        sent_at: action.sentAt,
        sent_count: action.sentCount,
        started_at: action.startedAt,
        ended_at: action.endedAt,
        result: action.result && JSON.stringify(action.result),
        steps: JSON.stringify(action.steps),
        due_at: action.dueAt,
      })
      .where('id', '=', action.id)
      .execute()
  }
  return actions
}

function advanced(action: StoredAction, event: ActionEvent): StoredAction | null {
  const next = advanceAction(action, event)
  if (!next) return null
  const { state, channel } = next
  const isNew = state !== action.state || channel !== action.channel
  const step: ActionStep = { at: event.at, state, channel }
  const steps = isNew ? [...action.steps, step].slice(-maxSteps) : action.steps
  const dueAt = actionDueAt(next)
  return { ...action, ...next, steps, dueAt: dueAt === Infinity ? null : dueAt }
}

export function actionOf(row: Row): StoredAction {
  return {
    id: row.id,
    deviceId: row.device_id,
    uuid: row.uuid,
    name: row.name,
    fleet: row.fleet,
    kind: row.kind as ActionKind,
    service: row.service,
    by: row.requested_by,
    frozen: row.status === 'frozen',
    dueAt: row.due_at,
    state: row.state as ActionState,
    channel: row.channel as StoredAction['channel'],
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    sentAt: row.sent_at,
    sentCount: row.sent_count,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    result: row.result === null ? null : JSON.parse(row.result),
    steps: JSON.parse(row.steps),
  }
}
