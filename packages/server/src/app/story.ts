// One example of every operation, as one story: a fleet is made, devices come, live and go. The OpenAPI
// document shows these requests, and a test sends them in this order to a real server and holds each
// answer to the document, so that no example can be wrong. A new operation takes its place in the story
// where what it needs has happened: the test names each that has none.
//
// `$name` stands for what an answer before has said under that name (`keeps`).

import { belonging, parting, signingIn } from './story-people.ts'

export type Example = {
  /** As in the document, such as `GET /api/v1/fleets/{slug}`. */
  operation: string
  /** Whose token: a name that was kept; absent: the administrator's. '': nobody's. */
  as?: string
  path?: Readonly<Record<string, string>>
  query?: Readonly<Record<string, string>>
  headers?: Readonly<Record<string, string>>
  body?: unknown
  status: number
  /** Fields of the answer to keep, by the name to keep each under; with dots into objects. */
  keeps?: Readonly<Record<string, string>>
}

const door = '3f1c0a9b7d2e4f6081a2b3c4d5e6f701'
const meter = '9b8a7c6d5e4f30211203948576a6b7c8'
const api = (verb: string, path: string) => `${verb} /api/v1${path}`
const ofFleet = { path: { slug: 'shop-doors' } }
const ofDoor = { path: { uuid: door } }

const operations: readonly Example[] = [
  { operation: 'GET /healthz', as: '', status: 200 },
  { operation: 'GET /readyz', as: '', status: 200 },
  { operation: 'GET /metrics', as: '', status: 200 },
]

const fleets: readonly Example[] = [
  {
    operation: api('POST', '/fleets'),
    body: { name: 'Shop doors', policy: { heartbeatIntervalMs: 30_000, cloudlinkEnabled: false } },
    status: 201,
    keeps: { startedAt: 'createdAt' },
  },
  { operation: api('GET', '/fleets'), query: { q: 'shop', limit: '20' }, status: 200 },
  { operation: api('GET', '/fleets/{slug}'), ...ofFleet, status: 200 },
  {
    operation: api('PATCH', '/fleets/{slug}'),
    ...ofFleet,
    body: { policy: { heartbeatGraceMs: 20_000 } },
    status: 200,
  },
  {
    operation: api('POST', '/fleets/{slug}/provisioning-keys'),
    ...ofFleet,
    body: { name: 'Factory line 2' },
    status: 201,
    keeps: { provisioningKey: 'key', keyId: 'id' },
  },
  { operation: api('GET', '/fleets/{slug}/provisioning-keys'), ...ofFleet, status: 200 },
]

const ofDevices: readonly Example[] = [
  {
    operation: 'POST /device/register',
    as: 'provisioningKey',
    body: { uuid: door, device_type: 'raspberrypi4-64', device_name: 'north-door' },
    status: 201,
    keeps: { doorKey: 'api_key' },
  },
  { operation: 'GET /device/v3/{uuid}/state', as: 'doorKey', ...ofDoor, status: 200 },
  {
    operation: 'PATCH /device/v3/state',
    as: 'doorKey',
    body: { [door]: { os_version: 'Debian 13', cpu_temp: 41, memory_total: 3_792 } },
    status: 200,
  },
  {
    operation: 'GET /device/v1/{uuid}/status',
    as: 'doorKey',
    ...ofDoor,
    status: 200,
    keeps: { readAt: 'now' },
  },
]

const devices: readonly Example[] = [
  {
    operation: api('POST', '/devices'),
    body: { fleet: 'shop-doors', uuid: meter, name: 'meter', tags: { floor: '2' } },
    status: 201,
  },
  {
    operation: api('GET', '/devices'),
    query: { fleet: 'shop-doors', status: 'operational,reduced-functionality', sort: '-since' },
    status: 200,
  },
  { operation: api('GET', '/devices/{uuid}'), path: { uuid: '3f1c0a9' }, status: 200 },
  {
    operation: api('PATCH', '/devices/{uuid}'),
    ...ofDoor,
    body: { name: 'north-door-1', tags: { shop: 'Utrecht' } },
    status: 200,
  },
  {
    operation: api('POST', '/devices/{uuid}/keys'),
    ...ofDoor,
    body: { overlapMs: 3_600_000 },
    status: 201,
  },
  {
    operation: api('POST', '/devices/{uuid}/actions'),
    ...ofDoor,
    body: { kind: 'identify', expiresInMs: 600_000 },
    status: 201,
    keeps: { identifyId: 'id' },
  },
  { operation: api('GET', '/devices/{uuid}/actions/available'), ...ofDoor, status: 200 },
  { operation: api('GET', '/devices/{uuid}/actions'), ...ofDoor, status: 200 },
  {
    operation: 'POST /device/v1/{uuid}/actions/{id}',
    as: 'doorKey',
    path: { uuid: door, id: '$identifyId' },
    body: { state: 'succeeded', text: 'it blinked', proof: { light: 'led0' } },
    status: 204,
  },
  {
    operation: 'POST /device/v1/{uuid}/health',
    as: 'doorKey',
    ...ofDoor,
    body: {
      cause: 'asked',
      agoMs: 0,
      tookMs: 840,
      findings: [
        { check: 'disk', result: 'warning', step: null, detail: '92 % of 28.5 GiB used' },
        { check: 'temperature', result: 'ok', step: null, detail: '51 °C' },
      ],
    },
    status: 204,
  },
  { operation: api('GET', '/devices/{uuid}/health'), ...ofDoor, status: 200 },
  { operation: api('GET', '/actions'), query: { fleet: 'shop-doors' }, status: 200 },
  { operation: api('GET', '/actions/{id}'), path: { id: '$identifyId' }, status: 200 },
  {
    operation: api('POST', '/devices/{uuid}/actions'),
    ...ofDoor,
    body: { kind: 'reboot' },
    status: 201,
    keeps: { rebootId: 'id' },
  },
  { operation: api('POST', '/actions/{id}/cancel'), path: { id: '$rebootId' }, status: 200 },
  { operation: api('POST', '/devices/{uuid}/freeze'), ...ofDoor, status: 200 },
  { operation: api('POST', '/devices/{uuid}/thaw'), ...ofDoor, status: 200 },
  { operation: api('POST', '/fleets/{slug}/freeze'), ...ofFleet, status: 200 },
  { operation: api('POST', '/fleets/{slug}/thaw'), ...ofFleet, status: 200 },
  {
    operation: 'POST /device/v1/{uuid}/goodbye',
    as: 'doorKey',
    ...ofDoor,
    body: { cause: 'shutdown', by: 'night switch', expectedBackMs: 28_800_000 },
    status: 204,
  },
  { operation: api('POST', '/devices/{uuid}/deactivate'), ...ofDoor, status: 200 },
  { operation: api('POST', '/devices/{uuid}/activate'), ...ofDoor, status: 200 },
]

const ofBulk = { path: { id: '$bulkId' } }
const ofNoBulk = { path: { id: '6f9d1f0e-2a43-4c2b-9a55-0d1c2b3a4f5e' } }
const bulk: readonly Example[] = [
  {
    operation: api('POST', '/bulk-operations'),
    body: {
      kind: 'rename',
      parameters: { pattern: '{fleet}-{tag.floor}-{n:3}' },
      filter: 'fleet = shop-doors and tag.floor exists',
      dryRun: true,
    },
    status: 200,
  },
  {
    operation: api('POST', '/bulk-operations'),
    body: {
      kind: 'tag',
      parameters: { tags: { floor: '1' } },
      filter: 'fleet = shop-doors',
      expected: 2,
    },
    status: 201,
    keeps: { bulkId: 'id' },
  },
  { operation: api('GET', '/bulk-operations'), query: { limit: '20' }, status: 200 },
  { operation: api('GET', '/bulk-operations/{id}'), ...ofBulk, status: 200 },
  {
    operation: api('GET', '/bulk-operations/{id}/results'),
    ...ofBulk,
    query: { outcome: 'failed' },
    status: 200,
  },
  // It may have ended by now, so these ask about one that never was.
  { operation: api('POST', '/bulk-operations/{id}/abort'), ...ofNoBulk, status: 404 },
  { operation: api('POST', '/bulk-operations/{id}/undo'), ...ofNoBulk, status: 404 },
]

const past: readonly Example[] = [
  {
    operation: api('GET', '/devices/{uuid}/history'),
    ...ofDoor,
    query: { from: '0', limit: '10' },
    status: 200,
  },
  { operation: api('GET', '/fleets/{slug}/history'), ...ofFleet, status: 200 },
  {
    operation: api('GET', '/fleets/{slug}/at'),
    ...ofFleet,
    query: { time: '2026-01-31T14:05:00Z' },
    status: 200,
  },
  {
    operation: api('GET', '/fleets/{slug}/difference'),
    ...ofFleet,
    query: { from: '$startedAt', to: '$readAt' },
    status: 200,
  },
  {
    operation: api('GET', '/fleets/{slug}/timeline'),
    ...ofFleet,
    query: { from: '$startedAt', to: '$readAt', stepMs: '60000' },
    status: 200,
  },
  { operation: api('GET', '/fleet-changes'), query: { hours: '2' }, status: 200 },
  {
    operation: api('GET', '/fleets/{slug}/uptime'),
    ...ofFleet,
    query: { from: '$startedAt', worst: '10' },
    status: 200,
  },
  {
    operation: api('GET', '/fleets/{slug}/uptime/devices'),
    ...ofFleet,
    query: { from: '$startedAt' },
    status: 200,
  },
  {
    operation: api('GET', '/devices/{uuid}/uptime'),
    ...ofDoor,
    query: { from: '$startedAt' },
    status: 200,
  },
  {
    operation: api('GET', '/devices/{uuid}/history/export'),
    ...ofDoor,
    query: { format: 'csv' },
    status: 200,
  },
  {
    operation: api('GET', '/fleets/{slug}/history/export'),
    ...ofFleet,
    query: { format: 'ndjson', statusTo: 'disconnected' },
    status: 200,
  },
  { operation: api('GET', '/organization/history'), status: 200 },
  { operation: api('PATCH', '/organization/history'), body: { keptDays: 120 }, status: 200 },
  {
    operation: api('GET', '/audit'),
    query: { fleet: 'shop-doors', outcome: 'ok', limit: '20' },
    status: 200,
  },
  { operation: api('GET', '/audit/head'), status: 200 },
  { operation: api('GET', '/audit/export'), query: { format: 'ndjson' }, status: 200 },
  { operation: api('GET', '/server/audit'), query: { outcome: 'refused' }, status: 200 },
  { operation: api('GET', '/server/audit/head'), status: 200 },
  { operation: api('GET', '/server/audit/export'), query: { format: 'ndjson' }, status: 200 },
  {
    operation: api('GET', '/stream'),
    query: { fleet: 'shop-doors', snapshot: 'true' },
    status: 200,
  },
]

const reach: readonly Example[] = [
  { operation: api('GET', '/fleets/{slug}/terminal'), ...ofFleet, status: 200 },
  {
    operation: api('PUT', '/fleets/{slug}/terminal'),
    ...ofFleet,
    body: {
      recording: 'required',
      keptDays: 365,
      idleLimitMs: 900_000,
      longestMs: 14_400_000,
    },
    status: 200,
  },
  { operation: api('GET', '/recordings'), query: { device: '3f1c0a9' }, status: 200 },
  // Nobody has sat at a terminal here.
  { operation: api('GET', '/recordings/{id}'), path: { id: '1' }, status: 404 },
  { operation: api('GET', '/recordings/{id}/cast'), path: { id: '1' }, status: 404 },
  { operation: api('DELETE', '/recordings/{id}'), path: { id: '1' }, status: 404 },
  {
    operation: api('PUT', '/devices/{uuid}/url'),
    ...ofDoor,
    body: { port: 8_080, access: 'members' },
    status: 200,
  },
  { operation: api('GET', '/devices/{uuid}/url'), ...ofDoor, status: 200 },
  { operation: api('DELETE', '/devices/{uuid}/url'), ...ofDoor, status: 204 },
  {
    operation: api('POST', '/ssh-keys'),
    body: {
      name: 'laptop',
      key: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg ann@laptop',
    },
    status: 201,
    keeps: { sshKeyId: 'id' },
  },
  { operation: api('GET', '/ssh-keys'), status: 200 },
  { operation: api('DELETE', '/ssh-keys/{id}'), path: { id: '$sshKeyId' }, status: 204 },
  // Without the upgrade of the connection there is nothing to stream on.
  {
    operation: api('GET', '/devices/{uuid}/streams'),
    ...ofDoor,
    query: { port: '8080' },
    status: 400,
  },
]

const ofView = { path: { view: 'doors-that-are-away' } }
const views: readonly Example[] = [
  {
    operation: api('POST', '/device-views'),
    body: { name: 'Doors that are away', slug: 'doors-that-are-away', q: 'door', shared: true },
    status: 201,
  },
  { operation: api('GET', '/device-views'), status: 200 },
  { operation: api('GET', '/device-views/{view}'), ...ofView, status: 200 },
  {
    operation: api('PATCH', '/device-views/{view}'),
    ...ofView,
    body: { sort: '-since' },
    status: 200,
  },
  { operation: api('DELETE', '/device-views/{view}'), ...ofView, status: 204 },
]

const end: readonly Example[] = [
  {
    operation: api('DELETE', '/fleets/{slug}/provisioning-keys/{id}'),
    path: { slug: 'shop-doors', id: '$keyId' },
    status: 204,
  },
  { operation: api('DELETE', '/devices/{uuid}'), ...ofDoor, status: 204 },
  { operation: api('DELETE', '/devices/{uuid}'), path: { uuid: meter }, status: 204 },
  { operation: api('DELETE', '/fleets/{slug}'), ...ofFleet, status: 204 },
]

export const story: readonly Example[] = [
  ...operations,
  ...signingIn,
  ...belonging,
  ...fleets,
  ...ofDevices,
  ...devices,
  ...bulk,
  ...past,
  ...views,
  ...reach,
  ...end,
  ...parting,
]

type Described = {
  parameters?: { name: string; in: string; example?: unknown }[]
  requestBody?: { content: Record<string, { example?: unknown }> }
}
type Paths = Record<string, Record<string, Described>>

/** The paths of the document, with the first example of each operation in it. */
export function withExamples<P extends object>(paths: P): P {
  const first = new Map(story.toReversed().map((example) => [example.operation, example]))
  const shown = Object.entries(paths as Paths).map(([path, operations]) => [
    path,
    Object.fromEntries(
      Object.entries(operations).map(([verb, described]) => {
        const example = first.get(`${verb.toUpperCase()} ${path}`)
        return [verb, example ? withExample(described, example) : described]
      }),
    ),
  ])
  return Object.fromEntries(shown)
}

function withExample(described: Described, { path = {}, query = {}, body }: Example): Described {
  const given: Readonly<Record<string, Readonly<Record<string, string>>>> = { path, query }
  const parameters = described.parameters?.map((parameter) => {
    const example = given[parameter.in]?.[parameter.name]
    if (example === undefined || example.startsWith('$')) return parameter
    return { ...parameter, example: /^\d+$/.test(example) ? Number(example) : example }
  })
  const content = Object.entries(described.requestBody?.content ?? {}).map(([type, one]) => [
    type,
    { ...one, example: body },
  ])
  return {
    ...described,
    ...(parameters ? { parameters } : {}),
    ...(described.requestBody && body !== undefined
      ? { requestBody: { ...described.requestBody, content: Object.fromEntries(content) } }
      : {}),
  }
}
