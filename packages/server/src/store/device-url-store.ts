// Which port of a device its URL shows, and the passes of browsers, over either database. A ticket is
// taken by deleting it, so of two that come with the same one gets nothing.

import type { DeviceUrlAccess } from '@muster/core/device-url-api.ts'
import type { Selectable } from 'kysely'
import type { Pass, UrlSetting, UrlStore } from '../device-urls/ports.ts'
import type { Database } from './database.ts'
import type { Tables } from './tables.ts'

type Owned = { id: number; fleetId: number; organizationId: number }

export type DeviceUrlStore = UrlStore & { findOwner(uuid: string): Promise<Owned | null> }

export function createDeviceUrlStore(database: Database): DeviceUrlStore {
  return { ...createSettings(database), ...createPasses(database) }
}

function createSettings({ read, write }: Database) {
  return {
    async findOwner(uuid: string): Promise<Owned | null> {
      const row = await read
        .selectFrom('devices as d')
        .innerJoin('fleets as f', 'f.id', 'd.fleet_id')
        .select(['d.id', 'd.fleet_id', 'f.organization_id'])
        .where('d.uuid', '=', uuid)
        .executeTakeFirst()
      return row ? { id: row.id, fleetId: row.fleet_id, organizationId: row.organization_id } : null
    },

    async loadUrl(deviceId: number): Promise<UrlSetting | null> {
      const row = await read
        .selectFrom('device_urls')
        .select(['port', 'access'])
        .where('device_id', '=', deviceId)
        .executeTakeFirst()
      return row ? { port: row.port, access: row.access as DeviceUrlAccess } : null
    },

    async setUrl(deviceId: number, setting: UrlSetting | null): Promise<void> {
      if (setting) {
        await write
          .insertInto('device_urls')
          .values({ device_id: deviceId, ...setting })
          .onConflict((conflict) => conflict.column('device_id').doUpdateSet(setting))
          .execute()
        return
      }
      await write.deleteFrom('device_urls').where('device_id', '=', deviceId).execute()
      await write.deleteFrom('device_passes').where('device_id', '=', deviceId).execute()
    },
  }
}

function createPasses({ read, write }: Database) {
  return {
    async addPass(hash: string, pass: Pass): Promise<void> {
      await write
        .insertInto('device_passes')
        .values({
          hash,
          kind: pass.kind,
          device_id: pass.deviceId,
          user_id: pass.userId,
          organization_id: pass.organizationId,
          session_id: pass.sessionId,
          expires_at: pass.expiresAt,
        })
        .execute()
    },

    async takeTicket(hash: string): Promise<Pass | null> {
      const row = await write
        .deleteFrom('device_passes')
        .where('hash', '=', hash)
        .where('kind', '=', 'ticket')
        .returningAll()
        .executeTakeFirst()
      return row ? passOf(row) : null
    },

    async findPass(hash: string): Promise<Pass | null> {
      const row = await read
        .selectFrom('device_passes')
        .selectAll()
        .where('hash', '=', hash)
        .executeTakeFirst()
      return row ? passOf(row) : null
    },

    async deleteExpiredPasses(now: number): Promise<void> {
      await write.deleteFrom('device_passes').where('expires_at', '<=', now).execute()
    },
  }
}

function passOf(row: Selectable<Tables['device_passes']>): Pass {
  return {
    kind: row.kind === 'ticket' ? 'ticket' : 'pass',
    deviceId: row.device_id,
    userId: row.user_id,
    organizationId: row.organization_id,
    sessionId: row.session_id,
    expiresAt: row.expires_at,
  }
}
