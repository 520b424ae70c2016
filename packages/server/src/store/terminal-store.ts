// What fleets say about terminals, and recordings of them, over either database. A recording is kept in
// parts, so nobody ever holds all of one in memory, and whatever replica is asked has it.

import type { RecordingMode } from '@muster/core/terminal-api.ts'
import { defaultTerminalPolicy } from '@muster/core/terminal-api.ts'
import type { Selectable } from 'kysely'
import type { Recording, RecordingStore, SeenRecordings } from '../terminal/ports.ts'
import type { Database } from './database.ts'
import { lastCharacter } from './pages.ts'
import type { Tables } from './tables.ts'

export function createTerminalStore(database: Database): RecordingStore {
  return { ...createPolicies(database), ...createRecordings(database), ...createParts(database) }
}

function createPolicies({ read, write }: Database) {
  return {
    async loadTerminalPolicy(fleetId) {
      const row = await read
        .selectFrom('terminal_policies')
        .selectAll()
        .where('fleet_id', '=', fleetId)
        .executeTakeFirst()
      if (!row) return defaultTerminalPolicy
      return {
        recording: row.recording as RecordingMode,
        keptDays: row.kept_days,
        idleLimitMs: row.idle_limit_ms,
        longestMs: row.longest_ms,
      }
    },

    async setTerminalPolicy(fleetId, { recording, keptDays, idleLimitMs, longestMs }) {
      const values = {
        recording,
        kept_days: keptDays,
        idle_limit_ms: idleLimitMs,
        longest_ms: longestMs,
      }
      await write
        .insertInto('terminal_policies')
        .values({ fleet_id: fleetId, ...values })
        .onConflict((conflict) => conflict.column('fleet_id').doUpdateSet(values))
        .execute()
    },
  } satisfies Pick<RecordingStore, 'loadTerminalPolicy' | 'setTerminalPolicy'>
}

function createRecordings({ read, write }: Database) {
  const seenBy = ({ organizationId, fleetIds, userId }: SeenRecordings) =>
    read
      .selectFrom('recordings')
      .selectAll()
      .where('organization_id', '=', organizationId)
      .$if(fleetIds !== null, (q) => q.where('fleet_id', 'in', fleetIds!))
      .$if(userId !== null, (q) => q.where('user_id', '=', userId!))

  return {
    async beginRecording({ device, person, columns, rows, startedAt, keptUntil }) {
      const { id } = await write
        .insertInto('recordings')
        .values(({ selectFrom }) => ({
          organization_id: device.organizationId,
          fleet_id: device.fleetId,
          fleet: selectFrom('fleets').select('slug').where('id', '=', device.fleetId),
          device_id: device.id,
          uuid: device.uuid,
          device: device.name,
          user_id: person.userId,
          user_email: person.email,
          column_count: columns,
          row_count: rows,
          started_at: startedAt,
          bytes: 0,
          kept_until: keptUntil,
        }))
        .returning('id')
        .executeTakeFirstOrThrow()
      return id
    },

    async endRecording(id, { endedAt, bytes, cutBy }) {
      await write
        .updateTable('recordings')
        .set({ ended_at: endedAt, bytes, cut_by: cutBy })
        .where('id', '=', id)
        .execute()
    },

    async loadRecordings(seen, { device, user }, { before, limit }) {
      if (seen.fleetIds?.length === 0) return []
      const rows = await seenBy(seen)
        .$if(device !== undefined, (q) =>
          q.where('uuid', '>=', device!).where('uuid', '<=', `${device}${lastCharacter}`),
        )
        .$if(user !== undefined, (q) => q.where('user_email', '=', user!.toLowerCase()))
        .$if(before !== null, (q) => q.where('id', '<', before!))
        .orderBy('id', 'desc')
        .limit(limit)
        .execute()
      return rows.map(recordingOf)
    },

    async findRecording(seen, id) {
      if (seen.fleetIds?.length === 0) return null
      const row = await seenBy(seen).where('id', '=', id).executeTakeFirst()
      return row ? recordingOf(row) : null
    },
  } satisfies Partial<RecordingStore>
}

function createParts({ read, write }: Database) {
  return {
    async appendPart(id, part, lines) {
      await write.insertInto('recording_parts').values({ recording_id: id, part, lines }).execute()
    },

    async loadPart(id, part) {
      const row = await read
        .selectFrom('recording_parts')
        .select('lines')
        .where('recording_id', '=', id)
        .where('part', '=', part)
        .executeTakeFirst()
      return row?.lines ?? null
    },

    async deleteRecording(id) {
      await write.deleteFrom('recordings').where('id', '=', id).execute()
    },

    async deleteExpired(now, limit) {
      const { numDeletedRows } = await write
        .deleteFrom('recordings')
        .where('id', 'in', (eb) =>
          eb.selectFrom('recordings').select('id').where('kept_until', '<=', now).limit(limit),
        )
        .executeTakeFirst()
      return Number(numDeletedRows)
    },
  } satisfies Partial<RecordingStore>
}

function recordingOf(row: Selectable<Tables['recordings']>): Recording {
  return {
    id: row.id,
    fleetId: row.fleet_id,
    fleet: row.fleet,
    uuid: row.uuid,
    device: row.device,
    userId: row.user_id,
    user: row.user_email,
    columns: row.column_count,
    rows: row.row_count,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    bytes: row.bytes,
    cutBy: row.cut_by,
    keptUntil: row.kept_until,
  }
}
