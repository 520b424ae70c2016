// Who may pass the door. Before anything else a route says which right it needs (`config.right`), or
// that it is open to everybody; this is where it is enforced, once for all routes: the organization is
// chosen, the right is looked for in it, and the fleet or the device that the path names is found
// among what may be seen, so that what is foreign and what does not exist answer alike. What a body or
// a query names besides, the route asks about with `admitFleet`.

import { Refusal } from '@muster/core/errors.ts'
import {
  allows,
  describeMissing,
  narrowed,
  noGrants,
  type Right,
  rights,
  visibleFleets,
} from '@muster/core/rights.ts'
import { scopeAllows } from '@muster/core/token-scope.ts'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Fleet } from '../registry/ports.ts'
import { tokenOf } from './credentials.ts'
import { type ApiDeps, principalOf } from './door.ts'
import type { Identity } from './people-ports.ts'
import type { FoundDevice, Membership, Principal } from './ports.ts'

export const organizationHeader = 'muster-organization'

type AdmissionDeps = Pick<ApiDeps, 'auth' | 'queries' | 'registry'>

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Open to everybody: it is how one signs in. */
    open?: boolean
    /** What it needs; see the table of rights. */
    right?: Right
    /** Also tokens whose scope does not have it. */
    anyScope?: boolean
    /** It may be asked about a device that was deleted. */
    departed?: boolean
    /** Browsers ask for it where they send no header: without one it is asked where the device is. */
    whereDeviceIs?: boolean
  }
  interface FastifyRequest {
    /** The device of the path: it exists, and the right is held on its fleet. */
    device: FoundDevice | null
    /** The fleet of the path, in the same way. */
    fleet: Fleet | null
  }
}

export function registerAdmission(scope: FastifyInstance, deps: AdmissionDeps): void {
  scope.decorateRequest('principal', null)
  scope.decorateRequest('identity', null)
  scope.decorateRequest('device', null)
  scope.decorateRequest('fleet', null)
  scope.addHook('onRoute', ({ config, method, url }) => {
    if (!config?.open && !config?.right) throw new Error(`${method} ${url} declares no right`)
  })
  scope.addHook('onRequest', async (request) => {
    const { open, right } = request.routeOptions.config
    if (open || !right) return
    request.principal = await loadPrincipal(deps, request)
    demand(request, right)
  })
  // The path has been validated by then.
  scope.addHook('preHandler', async (request) => {
    const { right, departed = false } = request.routeOptions.config
    if (!right || rights[right].scope !== 'fleet') return
    const { uuid, slug } = request.params as { uuid?: string; slug?: string }
    if (uuid !== undefined) request.device = await admitDevice(deps, request, uuid, { departed })
    if (slug !== undefined) request.fleet = await admitFleet(deps, request, slug)
  })
}

/** In the organization that the request names, or that its token is for, or that came first. */
export async function loadPrincipal(
  { auth, queries }: Pick<ApiDeps, 'auth' | 'queries'>,
  request: FastifyRequest,
): Promise<Principal> {
  const identity = await auth.authenticate(tokenOf(request))
  request.identity = identity
  const named = request.headers[organizationHeader]
  if (named !== undefined && typeof named !== 'string')
    throw new Refusal('invalid-request', 'Muster-Organization: the slug of one organization')
  const which = { slug: named ?? null, id: identity.organizationId ?? null }
  const ofDevice = named === undefined ? uuidWhereItIs(request) : undefined
  const membership =
    (ofDevice && (await queries.findMembership(identity.userId, { ...which, ofDevice }))) ||
    (await queries.findMembership(identity.userId, which))
  if (!membership && named !== undefined) throw new Refusal('organization-not-found')
  const { scope } = rights[rightOf(request)]
  if (!membership && scope !== 'self' && scope !== 'server') throw new Refusal(...inNone)
  return principalIn(membership ?? nowhere, identity)
}

function uuidWhereItIs({ routeOptions, params }: FastifyRequest): string | undefined {
  return routeOptions.config.whereDeviceIs ? (params as { uuid?: string }).uuid : undefined
}

const inNone = ['forbidden', 'you are in no organization'] as const

/** No organization has this id, so whatever is asked of it is empty. */
const nowhere: Membership = { organizationId: 0, slug: '', organization: '', ...noGrants }

/** Refuses with `forbidden` who is in none, for what only an organization can have. */
export function organizationOf(request: FastifyRequest): number {
  const { organizationId } = principalOf(request)
  if (organizationId === nowhere.organizationId) throw new Refusal(...inNone)
  return organizationId
}

function principalIn(
  { organizationId, slug, organization, role, fleetRoles }: Membership,
  { userId, email, isServerAdministrator, scope, fleetIds }: Identity,
): Principal {
  const all = { role, fleetRoles, serverAdministrator: isServerAdministrator }
  const grants = fleetIds ? narrowed(all, fleetIds) : all
  const visible = { organizationId, fleetIds: visibleFleets(grants) }
  const where = { organizationId, slug, organization }
  return { userId, email, ...where, role: grants.role, grants, scope, visible }
}

/** Refuses with `fleet-not-found` what may not be seen, and with `forbidden` what may. */
export async function admitFleet(
  { registry }: Pick<ApiDeps, 'registry'>,
  request: FastifyRequest,
  slug: string,
  right = rightOf(request),
): Promise<Fleet> {
  const { organizationId, grants } = principalOf(request)
  const fleet = await registry.loadFleet(organizationId, slug)
  if (!allows(grants, 'fleets-read', fleet.id)) throw new Refusal('fleet-not-found')
  demand(request, right, fleet.id)
  return fleet
}

const fullUuid = /^(?:[0-9a-f]{32}|[0-9a-f]{62})$/

/** The one device, among those that may be seen, whose uuid is so or begins so. */
export async function admitDevice(
  { queries }: Pick<ApiDeps, 'queries'>,
  request: FastifyRequest,
  uuid: string,
  { right = rightOf(request), departed = false }: { right?: Right; departed?: boolean } = {},
): Promise<FoundDevice> {
  const { visible } = principalOf(request)
  const [found, another] = await queries.findDevices(visible, uuid)
  if (another) throw new Refusal('device-ambiguous')
  const former = departed && !found && fullUuid.test(uuid)
  const device = found ?? (former ? await queries.findDepartedDevice(visible, uuid) : null)
  if (!device) throw new Refusal('device-not-found')
  demand(request, right, device.fleetId)
  return device
}

/** Refuses with `forbidden` unless the right is held, on that fleet where one is given. */
export function demand(request: FastifyRequest, right: Right, fleetId?: number): void {
  const { grants, scope } = principalOf(request)
  if (!allows(grants, right, fleetId)) throw new Refusal('forbidden', describeMissing(right))
  const { anyScope = false } = request.routeOptions.config
  if (!anyScope && !scopeAllows(scope, right, ['GET', 'HEAD'].includes(request.method)))
    throw new Refusal('forbidden', `the scope of this token does not have the right ${right}`)
}

function rightOf(request: FastifyRequest): Right {
  const { right } = request.routeOptions.config
  if (!right) throw new Error(`${request.routeOptions.url} declares no right`)
  return right
}

/** The device that the path names. */
export function deviceOf({ device }: FastifyRequest): FoundDevice {
  if (!device) throw new Error('the path names no device')
  return device
}

/** The fleet that the path names. */
export function fleetOf({ fleet }: FastifyRequest): Fleet {
  if (!fleet) throw new Error('the path names no fleet')
  return fleet
}
