// The record of listening: one open row for each replica that listens, and the gaps in which none
// did. A row whose `until_at` has not moved for a while belongs to a replica that died: whoever sees
// it first ends the row and writes the gap, in one transaction, once.

import type { Gap } from '@muster/core/silence.ts'
import { sql, type Transaction } from 'kysely'
import type { Listening, PresenceStore, Word } from '../presence/ports.ts'
import type { Database, Db } from './database.ts'
import type { Tables } from './tables.ts'

type Trx = Transaction<Tables>
type Sharing = Pick<Database, 'dialect' | 'shared' | 'now'>
type ListeningPort = Pick<
  PresenceStore,
  'loadTimeBase' | 'openListening' | 'keepListening' | 'closeListening'
>

/** A replica renews its sentence about every second; one that is silent for longer has died. */
const deadMs = 3_000

export function createListeningStore(database: Database): ListeningPort {
  const { write } = database
  return {
    loadTimeBase: (wallAt) => loadTimeBase(write, database, wallAt),
    openListening: (replica, word) =>
      write.transaction().execute((trx) => openListening(trx, database, replica, word)),
    keepListening: (listeningId, replica, word, stalls) =>
      write
        .transaction()
        .execute((trx) => keepListening(trx, database, { ...word, listeningId, replica, stalls })),
    async closeListening(listeningId, untilAt) {
      await write
        .updateTable('listening')
        .set({ until_at: untilAt, ended_at: untilAt })
        .where('id', '=', listeningId)
        .where('ended_at', 'is', null)
        .execute()
    },
  }
}

/**
 * Time goes on from where replicas that live have it; else from the wall, but never back. Where the
 * wall is behind our record, some time has passed all the same: the absence must be in the record.
 */
async function loadTimeBase(db: Db, sharing: Sharing, wallAt: number): Promise<number> {
  const dbNow = await databaseNow(db, sharing, wallAt)
  const rows = await db
    .selectFrom('listening')
    .select(['until_at', 'wrote_at', 'ended_at'])
    .orderBy('until_at', 'desc')
    .limit(100)
    .execute()
  const live = rows.filter((row) => row.ended_at === null && dbNow - row.wrote_at <= deadMs)
  if (sharing.shared && live.length > 0)
    return Math.max(...live.map((row) => row.until_at + Math.max(0, dbNow - row.wrote_at)))
  return Math.max(dbNow, ...rows.map((row) => row.until_at + 1))
}

async function openListening(
  trx: Trx,
  sharing: Sharing,
  replica: string,
  { untilAt, now }: Word,
): Promise<Listening> {
  if (sharing.dialect === 'postgres') await sql`lock table listening in exclusive mode`.execute(trx)
  const dbNow = await databaseNow(trx, sharing, now())
  // An embedded database has one process: whatever row is open was left by a killed one.
  const dead = await endDead(trx, sharing.shared ? dbNow : Infinity, 0)
  const anybody = await selectOpen(trx).executeTakeFirst()
  const last = await trx
    .selectFrom('listening')
    .select((eb) => eb.fn.max('until_at').as('until_at'))
    .executeTakeFirst()
  // Where several died one after the other, the first of them may have taken heartbeats with it.
  // Before anybody ever listened there was no silence.
  const silentSince = anybody ? dead : [Math.min(...dead, last?.until_at ?? Infinity)]
  await insertGaps(trx, silentSince.map(absenceUntil(now())))
  const id = await insertRow(trx, replica, untilAt, dbNow)
  return loadListening(trx, id, dbNow)
}

type Renewal = Word & { listeningId: number; replica: string; stalls: readonly Gap[] }

async function keepListening(trx: Trx, sharing: Sharing, renewal: Renewal): Promise<Listening> {
  const { listeningId, replica, untilAt, now, stalls } = renewal
  const dbNow = await databaseNow(trx, sharing, now())
  const kept = await trx
    .updateTable('listening')
    .set({ until_at: untilAt, wrote_at: dbNow })
    .where('id', '=', listeningId)
    .where('ended_at', 'is', null)
    .executeTakeFirst()
  const alive = kept.numUpdatedRows > 0n
  // Others took us for dead while we stood still. They have recorded the gap, and listened since: our
  // own must not cover what they have vouched for and judged by. Begin anew.
  const id = alive ? listeningId : await insertRow(trx, replica, untilAt, dbNow)
  const dead = sharing.shared ? await endDead(trx, dbNow, id) : []
  // Until this very moment they may have heard somebody; they learn of the gap before they write it.
  await insertGaps(trx, [...(alive ? stalls : []), ...dead.map(absenceUntil(now()))])
  return loadListening(trx, id, dbNow)
}

/** The time by which rows are called stale: the database's own, where replicas share one. */
async function databaseNow(db: Db, sharing: Sharing, now: number): Promise<number> {
  if (!sharing.shared) return now
  if (sharing.now) return sharing.now()
  const answer = await sql<{ at: number }>`
    select (extract(epoch from clock_timestamp()) * 1000)::bigint as at`.execute(db)
  return answer.rows[0]!.at
}

function selectOpen(db: Db) {
  return db.selectFrom('listening').selectAll().where('ended_at', 'is', null).orderBy('id')
}

async function insertRow(trx: Trx, replica: string, at: number, wroteAt: number): Promise<number> {
  const { id } = await trx
    .insertInto('listening')
    .values({ replica, started_at: at, until_at: at, wrote_at: wroteAt })
    .returning('id')
    .executeTakeFirstOrThrow()
  return id
}

async function endDead(trx: Trx, dbNow: number, exceptId: number): Promise<number[]> {
  const ended = await trx
    .updateTable('listening')
    .set((eb) => ({ ended_at: eb.ref('until_at') }))
    .where('ended_at', 'is', null)
    .where('wrote_at', '<', dbNow - deadMs)
    .where('id', '<>', exceptId)
    .returning('until_at')
    .execute()
  return ended.map((row) => row.until_at)
}

async function insertGaps(trx: Trx, gaps: readonly Gap[]): Promise<void> {
  const rows = gaps
    .filter(({ fromAt, untilAt }) => untilAt > fromAt)
    .map(({ fromAt, untilAt, kind }) => ({ from_at: fromAt, until_at: untilAt, kind }))
  if (rows.length > 0) await trx.insertInto('gaps').values(rows).execute()
}

async function loadListening(trx: Trx, listeningId: number, dbNow: number): Promise<Listening> {
  const rows = await selectOpen(trx).execute()
  const others = rows.filter(({ id }) => id !== listeningId)
  const gaps = await trx.selectFrom('gaps').selectAll().orderBy('from_at').execute()
  return {
    listeningId,
    horizonAt: Math.min(...rows.map((row) => row.until_at)),
    othersAt: Math.max(-1, ...others.map((row) => row.until_at + dbNow - row.wrote_at)),
    gaps: gaps.map((row) => ({
      fromAt: row.from_at,
      untilAt: row.until_at,
      kind: row.kind as Gap['kind'],
    })),
  }
}

function absenceUntil(untilAt: number) {
  return (fromAt: number): Gap => ({ fromAt, untilAt, kind: 'absence' })
}
