// The registry's store over either database: organizations, fleets and provisioning keys here, the
// devices in device-store.ts. A change that a verdict rests on marks what must be judged anew in the
// transaction that makes it.

import { Refusal } from '@muster/core/errors.ts'
import { type Selectable, sql, type Transaction } from 'kysely'
import type {
  Fleet,
  FleetStore,
  Organization,
  OrganizationStore,
  ProvisioningKeyStore,
  RegistryStore,
} from '../registry/ports.ts'
import type { Database } from './database.ts'
import { createDeviceStore } from './device-store.ts'
import { isForeignKeyViolation, isUniqueViolation } from './failures.ts'
import { idsOf } from './rows.ts'
import type { Tables } from './tables.ts'

type Trx = Transaction<Tables>

export function createRegistryStore(database: Database): RegistryStore {
  return {
    ...createOrganizationStore(database),
    ...createFleetStore(database),
    ...createProvisioningKeyStore(database),
    ...createDeviceStore(database),
  }
}

function createOrganizationStore({ dialect, write, read }: Database): OrganizationStore {
  return {
    loadOrganization: (id) => loadOrganization(read, id),

    async loadOrganizationIds() {
      const rows = await read.selectFrom('organizations').select('id').orderBy('id').execute()
      return rows.map((row) => row.id)
    },

    changeOrganization: (id, changes, at) =>
      write.transaction().execute(async (trx) => {
        const { name, deviceAllowance, allowsPaidFleets } = changes
        const row = {
          ...(name === undefined ? {} : { name }),
          ...(deviceAllowance === undefined ? {} : { device_allowance: deviceAllowance }),
          ...(allowsPaidFleets === undefined
            ? {}
            : { allows_paid_fleets: allowsPaidFleets ? 1 : 0 }),
        }
        if (Object.keys(row).length > 0)
          await trx.updateTable('organizations').set(row).where('id', '=', id).execute()
        return allowsPaidFleets === undefined ? [] : freezeByType(trx, id, allowsPaidFleets, at)
      }),

    enforceAllowance: (id, at, limit) =>
      write.transaction().execute(async (trx) => {
        const boundary = await loadBoundary(trx, id)
        const changed = [
          ...(await freezeFrom(trx, id, boundary, at, limit)),
          ...(await thawBelow(trx, id, boundary, limit)),
        ]
        if (changed.length > 0)
          await sql`update contacts set due_at = 0, version = version + 1
            where device_id in (select id from ${idsOf(dialect, changed)} as changed)`.execute(trx)
        return changed
      }),
  }
}

async function loadOrganization(db: Database['write'], id: number): Promise<Organization> {
  const row = await db
    .selectFrom('organizations')
    .select(['id', 'name', 'device_allowance', 'allows_paid_fleets'])
    .select((eb) =>
      eb
        .selectFrom('fleets')
        .whereRef('fleets.organization_id', '=', 'organizations.id')
        .select((sum) => sum.fn.coalesce(sum.fn.sum<number>('active_count'), sum.lit(0)).as('sum'))
        .as('active_count'),
    )
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
  return {
    id: row.id,
    name: row.name,
    deviceAllowance: row.device_allowance,
    allowsPaidFleets: row.allows_paid_fleets === 1,
    activeDeviceCount: row.active_count ?? 0,
  }
}

async function freezeByType(
  trx: Trx,
  organizationId: number,
  allowsPaidFleets: boolean,
  at: number,
): Promise<Pick<Fleet, 'id' | 'slug'>[]> {
  return trx
    .updateTable('fleets')
    .set({ type_frozen_at: allowsPaidFleets ? null : at, rejudge_after: 0 })
    .where('organization_id', '=', organizationId)
    .where('paid_type', '=', 1)
    .where('type_frozen_at', allowsPaidFleets ? 'is not' : 'is', null)
    .returning(['id', 'slug'])
    .execute()
}

/** The first of the newest active devices that are beyond the allowance; Infinity: none is. */
async function loadBoundary(trx: Trx, organizationId: number): Promise<number> {
  const { activeDeviceCount, deviceAllowance } = await loadOrganization(trx, organizationId)
  const excess = activeDeviceCount - (deviceAllowance ?? Infinity)
  if (excess <= 0) return Infinity
  const row = await trx
    .selectFrom('devices')
    .select('id')
    .where(sql<boolean>`active = 1`)
    .where('fleet_id', 'in', fleetsOf(trx, organizationId))
    .orderBy('id', 'desc')
    .limit(1)
    .offset(excess - 1)
    .executeTakeFirst()
  return row?.id ?? Infinity
}

async function freezeFrom(
  trx: Trx,
  organizationId: number,
  boundary: number,
  at: number,
  limit: number,
): Promise<number[]> {
  if (boundary === Infinity) return []
  const beyond = trx
    .selectFrom('devices')
    .select('id')
    .where(sql<boolean>`active = 1`)
    .where('id', '>=', boundary)
    .where('allowance_frozen_at', 'is', null)
    .where('fleet_id', 'in', fleetsOf(trx, organizationId))
    .orderBy('id', 'desc')
    .limit(limit)
  const rows = await trx
    .updateTable('devices')
    .set({ allowance_frozen_at: at })
    .where('id', 'in', beyond)
    .returning('id')
    .execute()
  return rows.map((row) => row.id)
}

async function thawBelow(
  trx: Trx,
  organizationId: number,
  boundary: number,
  limit: number,
): Promise<number[]> {
  const within = trx
    .selectFrom('devices')
    .select('id')
    .where(sql<boolean>`allowance_frozen_at is not null`)
    .where((eb) =>
      boundary === Infinity ? eb.lit(true) : eb.or([eb('id', '<', boundary), eb('active', '=', 0)]),
    )
    .where('fleet_id', 'in', fleetsOf(trx, organizationId))
    .orderBy('id')
    .limit(limit)
  const rows = await trx
    .updateTable('devices')
    .set({ allowance_frozen_at: null })
    .where('id', 'in', within)
    .returning('id')
    .execute()
  return rows.map((row) => row.id)
}

function fleetsOf(trx: Trx, organizationId: number) {
  return trx.selectFrom('fleets').select('id').where('organization_id', '=', organizationId)
}

function createFleetStore({ dialect, write, read }: Database): FleetStore {
  return {
    async loadFleet(organizationId, slug) {
      const row = await read
        .selectFrom('fleets')
        .select(fleetColumns)
        .where('organization_id', '=', organizationId)
        .where('slug', '=', slug)
        .executeTakeFirst()
      return row ? fleetOf(row) : null
    },

    insertFleet: (fleet) =>
      refuseTaken(
        write.transaction().execute(async (trx) => {
          const { organizationId, slug, name, paidType, policyOverrides, at } = fleet
          const { id } = await trx
            .insertInto('fleets')
            .values({
              organization_id: organizationId,
              slug,
              name,
              paid_type: paidType ? 1 : 0,
              type_frozen_at: (await isAllowed(trx, organizationId, paidType)) ? null : at,
              policy: JSON.stringify(policyOverrides),
              active_count: 0,
              created_at: at,
            })
            .returning('id')
            .executeTakeFirstOrThrow()
          return { id, organizationId, slug, name, paidType, policyOverrides }
        }),
      ),

    changeFleet: ({ id, organizationId }, { name, paidType, policyOverrides }, at) =>
      refuseTaken(
        write.transaction().execute(async (trx) => {
          const rejudge = policyOverrides !== undefined || paidType !== undefined
          const frozen = (allowed: boolean) =>
            allowed ? null : sql<number>`coalesce(type_frozen_at, ${at})`
          await trx
            .updateTable('fleets')
            .set({
              ...(name === undefined ? {} : { name }),
              ...(policyOverrides === undefined ? {} : { policy: JSON.stringify(policyOverrides) }),
              ...(paidType === undefined
                ? {}
                : {
                    paid_type: paidType ? 1 : 0,
                    type_frozen_at: frozen(await isAllowed(trx, organizationId, paidType)),
                  }),
              ...(rejudge ? { rejudge_after: 0 } : {}),
            })
            .where('id', '=', id)
            .execute()
          return rejudge
        }),
      ),

    async freezeFleet(id, frozen) {
      const to = { frozen_at: frozen?.at ?? null, frozen_by: frozen?.by ?? null, rejudge_after: 0 }
      await write
        .updateTable('fleets')
        .set(to)
        .where('id', '=', id)
        .where('frozen_at', frozen ? 'is' : 'is not', null)
        .execute()
    },

    deleteFleet: (id) =>
      write
        .transaction()
        .execute((trx) => deleteFleet(trx, dialect, id))
        .catch((error) => {
          throw isForeignKeyViolation(error) ? new Refusal('fleet-not-empty') : error
        }),
  }
}

async function deleteFleet(trx: Trx, dialect: Database['dialect'], id: number): Promise<void> {
  // Whoever adds a device holds the row of the fleet until then, and the other way round.
  const fleet = trx.selectFrom('fleets').select('id').where('id', '=', id)
  await (dialect === 'postgres' ? fleet.forUpdate() : fleet).execute()
  const first = trx.selectFrom('devices').select('id').where('fleet_id', '=', id).limit(1)
  if (await first.executeTakeFirst()) throw new Refusal('fleet-not-empty')
  await trx.deleteFrom('fleet_counts').where('fleet_id', '=', id).execute()
  await trx.deleteFrom('fleets').where('id', '=', id).execute()
}

const fleetColumns = ['id', 'organization_id', 'slug', 'name', 'paid_type', 'policy'] as const

function fleetOf(row: Pick<Selectable<Tables['fleets']>, (typeof fleetColumns)[number]>): Fleet {
  return {
    id: row.id,
    organizationId: row.organization_id,
    slug: row.slug,
    name: row.name,
    paidType: row.paid_type === 1,
    policyOverrides: JSON.parse(row.policy),
  }
}

/** A fleet of a paid type needs a plan that has such. */
async function isAllowed(trx: Trx, organizationId: number, paidType: boolean): Promise<boolean> {
  if (!paidType) return true
  const plan = await trx
    .selectFrom('organizations')
    .select('allows_paid_fleets')
    .where('id', '=', organizationId)
    .executeTakeFirstOrThrow()
  return plan.allows_paid_fleets === 1
}

function refuseTaken<T>(writing: Promise<T>): Promise<T> {
  return writing.catch((error) => {
    if (!isUniqueViolation(error)) throw error
    throw new Refusal('fleet-name-taken', 'its name or its slug is that of another fleet')
  })
}

function createProvisioningKeyStore({ write, read }: Database): ProvisioningKeyStore {
  return {
    async insertProvisioningKey({ fleetId, hash, prefix, name, at, expiresAt }) {
      const { id } = await write
        .insertInto('provisioning_keys')
        .values({ fleet_id: fleetId, hash, prefix, name, created_at: at, expires_at: expiresAt })
        .returning('id')
        .executeTakeFirstOrThrow()
      return id
    },

    async findProvisioningKey(hash) {
      const row = await read
        .selectFrom('provisioning_keys as k')
        .innerJoin('fleets as f', 'f.id', 'k.fleet_id')
        .select(['k.id as key_id', 'k.expires_at', 'k.revoked_at', 'k.last_used_at'])
        .select(['f.id', 'f.organization_id', 'f.slug', 'f.name', 'f.paid_type', 'f.policy'])
        .where('k.hash', '=', hash)
        .executeTakeFirst()
      if (!row) return null
      const key = {
        id: row.key_id,
        fleetId: row.id,
        expiresAt: row.expires_at,
        revokedAt: row.revoked_at,
        lastUsedAt: row.last_used_at,
      }
      return { key, fleet: fleetOf(row) }
    },

    async useProvisioningKey(id, at) {
      await write
        .updateTable('provisioning_keys')
        .set({ last_used_at: at })
        .where('id', '=', id)
        .execute()
    },

    async revokeProvisioningKey(fleetId, id, at) {
      const { numUpdatedRows } = await write
        .updateTable('provisioning_keys')
        .set((eb) => ({ revoked_at: eb.fn.coalesce('revoked_at', eb.val(at)) }))
        .where('id', '=', id)
        .where('fleet_id', '=', fleetId)
        .executeTakeFirst()
      return numUpdatedRows > 0
    },
  }
}
