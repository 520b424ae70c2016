// The API as typed calls, for the command line, the dashboard, tests and programs. It does no I/O of
// its own: `fetch` and the clock come in as parameters. Types come from the schemas of api.ts, so a
// call and its server cannot drift apart unnoticed; answers are not validated again here, because a
// newer server may say more than this client knows, and that is no failure.
//
// Every failure is a `Refusal` of the registry: the server's own, by the code of its problem+json,
// and everything between here and there as `server-unreachable`. Redirects are not followed: fetch
// would drop the credentials on the way and turn a POST into a GET, and neither can be explained.
//
// An edit may be based on what was read: `edit(uuid, change, device)` is refused with `edit-collided`
// where somebody has changed the device since this client read it. The client remembers the entity tag
// of each view that it hands out, so that nobody carries one around.

import type { Static } from 'typebox'
import type { ActionState } from './actions.ts'
import type {
  AtQuery,
  DeviceChange,
  DeviceKeyCreate,
  DeviceKeyCreated,
  DevicePreregister,
  DevicePreregistered,
  DeviceQuery,
  DeviceView,
  FleetAtView,
  FleetChange,
  FleetCreate,
  FleetView,
  HistoryQuery,
  OrganizationChange,
  OrganizationView,
  PageOf,
  ProvisioningKeyCreate,
  ProvisioningKeyCreated,
  ProvisioningKeyView,
  SignedIn,
  StreamQuery,
  TransitionView,
  WhoAmI,
} from './api.ts'
import type { BulkProgress } from './bulk-api.ts'
import { actionCalls } from './client/actions.ts'
import { auditCalls } from './client/audit.ts'
import { createBases } from './client/bases.ts'
import { bulkCalls } from './client/bulk.ts'
import type { Call, CallOptions, Given, PageQuery, Query } from './client/calls.ts'
import { deviceViewCalls } from './client/device-views.ts'
import { healthCalls } from './client/health.ts'
import { historyCalls } from './client/history.ts'
import { organizationCalls } from './client/organizations.ts'
import { peopleCalls } from './client/people.ts'
import { createIdempotencyKey, isCreate, repeatUntilAnswered } from './client/repeat.ts'
import { sshKeyCalls } from './client/ssh-keys.ts'
import { terminalCalls } from './client/terminals.ts'
import type { Clock } from './clock.ts'
import { type ErrorCode, errors, Refusal } from './errors.ts'
import { type ByteStream, followEvents, type ServerSentEvent } from './event-stream.ts'
import type { SignedInByCookie, SignInWithCode } from './people-api.ts'
import { versionHeader } from './versions.ts'

/** The part of `fetch` that is used, so that any of them fits. */
export type Fetch = (
  url: string,
  init: {
    method: string
    headers: Record<string, string>
    body?: string
    redirect: 'manual'
    signal: AbortSignal
  },
) => Promise<Answer>

type Answer = {
  status: number
  headers: { get(name: string): string | null }
  body: ByteStream | null
  text(): Promise<string>
}

export type ApiClientOptions = {
  /** The address of the server, such as `https://muster.example.org`; a path before `/api` is kept. */
  server: string
  token?: string | undefined
  /** The slug of the organization to work in; without it the server takes the token's own. */
  organization?: string | undefined
  fetch: Fetch
  clock: Clock
  random?: () => number
  userAgent?: string | undefined
  /** A request without an answer for longer than this has failed. */
  timeoutMs?: number
}

export type { Given }

type ListQuery = PageQuery & { q?: string | undefined }

export type DeviceSwitch = 'activate' | 'deactivate' | 'freeze' | 'thaw'
export type FleetSwitch = 'freeze' | 'thaw'

/** Progress within a status; it is not a transition, so it has no place in the log. */
export type ProgressChange = { uuid: string; fleet: string; progress: number | null }
export type ActionChange = { uuid: string; fleet: string; id: string; state: ActionState }
export type DeviceRecordChange = {
  uuid: string
  fleet: string
  change: 'created' | 'changed' | 'deleted'
}

/**
 * What the live stream says. `opened` comes with every connection: after a resumed one transitions
 * are complete, while progress and device changes of the gap are lost and worth reading again.
 */
export type StreamEvent =
  | { event: 'opened'; resumed: boolean }
  | { event: 'interrupted'; refusal: Refusal; resumeInMs: number }
  | { event: 'transition'; id: number; data: TransitionView }
  | { event: 'progress'; data: ProgressChange }
  | { event: 'device'; data: DeviceRecordChange }
  | { event: 'action'; data: ActionChange }
  | { event: 'fleet'; data: { fleet: string } }
  /** How far a bulk operation has come. */
  | { event: 'bulk'; data: BulkProgress }
  /** With `snapshot`: some of the devices as they are, before all else. */
  | { event: 'snapshot'; data: { items: DeviceView[] } }
  | { event: 'snapshot-end' }
  /** More changed than was kept for this reader: what is shown is worth reading again. */
  | { event: 'missed' }

/** What is said of one device. */
export type DeviceStreamEvent = Extract<
  StreamEvent,
  { event: 'transition' | 'progress' | 'device' }
>

export type ApiClient = ReturnType<typeof createApiClient>

const defaultTimeoutMs = 30_000
/** The `Date` header counts whole seconds; less than this is not a difference of clocks. */
const clockToleranceMs = 2_000

export function createApiClient(options: ApiClientOptions) {
  const connection = createConnection(options)
  const { call } = connection
  const parts = {
    call,
    pages: <V, P extends { items: V[]; nextCursor: string | null }>(path: string, query: Query) =>
      pages<V, P>(call, path, query),
    open: (path: string, query: Query) => connection.open(path, { query }),
  }
  return {
    server: connection.server,
    /** Now by the server's clock, in epoch ms, as far as its answers have told it. */
    serverNow: connection.serverNow,
    /** The version of the server, as its last answer said; null before one, and where it hides it. */
    serverVersion: connection.serverVersion,
    signIn: (body: Given<typeof SignInWithCode>) =>
      call<Static<typeof SignedIn>>('POST', '/login', { body }),
    /** As a browser does: the session is in a cookie that scripts cannot read. */
    signInByCookie: (body: Given<typeof SignInWithCode>) =>
      call<Static<typeof SignedInByCookie>>('POST', '/login/cookie', { body }),
    signOut: () => call<void>('POST', '/logout'),
    whoAmI: () => call<Static<typeof WhoAmI>>('GET', '/whoami'),
    organization: {
      read: () => call<OrganizationView>('GET', '/organization'),
      edit: (body: Given<typeof OrganizationChange>, basedOn?: OrganizationView) =>
        call<OrganizationView>('PATCH', '/organization', { body, basedOn }),
    },
    ...organizationCalls(call, parts.pages),
    fleets: fleetCalls(call),
    provisioningKeys: provisioningKeyCalls(call),
    devices: deviceCalls(call),
    actions: actionCalls(call, parts.pages),
    bulk: bulkCalls(call, parts.pages),
    deviceViews: deviceViewCalls(call, parts.pages),
    ...peopleCalls(call),
    ...healthCalls(call),
    ...sshKeyCalls(call),
    ...terminalCalls(parts),
    audit: auditCalls(parts),
    history: historyCalls(parts),
    /**
     * Follows the live stream, resuming by itself, until `signal` is aborted; `onAlive` is called
     * whenever anything was heard on it.
     */
    stream: (query: Given<typeof StreamQuery> = {}, signal?: AbortSignal, onAlive?: () => void) =>
      followStream(connection, options, query, { signal, onAlive }),
  }
}

function fleetCalls(call: Call) {
  const at = (slug: string) => `/fleets/${encodeURIComponent(slug)}`
  return {
    page: (query: ListQuery = {}) => call<PageOf<FleetView>>('GET', '/fleets', { query }),
    pages: (query: ListQuery = {}) => pages<FleetView>(call, '/fleets', query),
    create: (body: Given<typeof FleetCreate>) => call<FleetView>('POST', '/fleets', { body }),
    read: (slug: string) => call<FleetView>('GET', at(slug)),
    edit: (slug: string, body: Given<typeof FleetChange>, basedOn?: FleetView) =>
      call<FleetView>('PATCH', at(slug), { body, basedOn }),
    delete: (slug: string) => call<void>('DELETE', at(slug)),
    switch: (slug: string, to: FleetSwitch) => call<FleetView>('POST', `${at(slug)}/${to}`),
    history: (slug: string, query: Given<typeof HistoryQuery> = {}) =>
      pages<TransitionView>(call, `${at(slug)}/history`, query),
    /** The fleet as it was; the pages differ in `items` and `nextCursor` only. */
    at: (slug: string, query: Given<typeof AtQuery>) =>
      pages<FleetAtView['items'][number], FleetAtView>(call, `${at(slug)}/at`, query),
  }
}

function provisioningKeyCalls(call: Call) {
  const of = (fleet: string) => `/fleets/${encodeURIComponent(fleet)}/provisioning-keys`
  return {
    pages: (fleet: string, query: ListQuery = {}) =>
      pages<ProvisioningKeyView>(call, of(fleet), query),
    create: (fleet: string, body: Given<typeof ProvisioningKeyCreate> = {}) =>
      call<Static<typeof ProvisioningKeyCreated>>('POST', of(fleet), { body }),
    revoke: (fleet: string, id: number) => call<void>('DELETE', `${of(fleet)}/${id}`),
  }
}

function deviceCalls(call: Call) {
  const at = (uuid: string) => `/devices/${encodeURIComponent(uuid)}`
  return {
    page: (query: Given<typeof DeviceQuery> = {}, signal?: AbortSignal) =>
      call<PageOf<DeviceView>>('GET', '/devices', { query, signal }),
    pages: (query: Given<typeof DeviceQuery> = {}) => pages<DeviceView>(call, '/devices', query),
    preregister: (body: Given<typeof DevicePreregister>) =>
      call<Static<typeof DevicePreregistered>>('POST', '/devices', { body }),
    /** Takes a uuid, or its beginning of at least seven digits where only one device has it. */
    read: (uuid: string) => call<DeviceView>('GET', at(uuid)),
    edit: (uuid: string, body: Given<typeof DeviceChange>, basedOn?: DeviceView) =>
      call<DeviceView>('PATCH', at(uuid), { body, basedOn }),
    delete: (uuid: string) => call<void>('DELETE', at(uuid)),
    switch: (uuid: string, to: DeviceSwitch) => call<DeviceView>('POST', `${at(uuid)}/${to}`),
    createKey: (uuid: string, body: Given<typeof DeviceKeyCreate> = {}) =>
      call<Static<typeof DeviceKeyCreated>>('POST', `${at(uuid)}/keys`, { body }),
    /** Newest first. */
    history: (uuid: string, query: Given<typeof HistoryQuery> = {}) =>
      pages<TransitionView>(call, `${at(uuid)}/history`, query),
  }
}

/** The pages of a list, one request each, asked for only as they are read. */
async function* pages<V, P extends { items: V[]; nextCursor: string | null } = PageOf<V>>(
  call: Call,
  path: string,
  query: Query,
): AsyncGenerator<P, void, void> {
  let { cursor } = query
  do {
    const page = await call<P>('GET', path, { query: { ...query, cursor } })
    yield page
    cursor = page.nextCursor ?? undefined
  } while (cursor !== undefined)
}

async function* followStream(
  { server, send }: Connection,
  { clock, random = Math.random }: ApiClientOptions,
  query: Given<typeof StreamQuery>,
  { signal, onAlive }: { signal: AbortSignal | undefined; onAlive: (() => void) | undefined },
): AsyncGenerator<StreamEvent, void, void> {
  const followed = followEvents({
    clock,
    random,
    signal,
    onAlive,
    open: (lastEventId, connectionSignal) => {
      const resumed: Record<string, string> = lastEventId ? { 'last-event-id': lastEventId } : {}
      const request = {
        headers: { accept: 'text/event-stream', ...resumed },
        query: lastEventId ? { ...query, after: undefined } : query,
        signal: connectionSignal,
      }
      return send('GET', '/stream', request, async (answer) => {
        const isStream = answer.headers.get('content-type')?.startsWith('text/event-stream')
        if (!isStream || !answer.body) throw notMuster(server, answer)
        return answer.body
      })
    },
  })
  for await (const said of followed) {
    if (said.kind === 'opened') yield { event: 'opened', resumed: said.resumed }
    else if (said.kind === 'interrupted')
      yield { event: 'interrupted', refusal: said.refusal, resumeInMs: said.resumeInMs }
    else {
      const event = readStreamEvent(said)
      if (event) yield event
    }
  }
}

/** An event of a kind that this client does not know is passed over: a newer server may send it. */
function readStreamEvent({ event, id, data }: ServerSentEvent): StreamEvent | undefined {
  if (event === 'transition') return { event, id: Number(id), data: JSON.parse(data) }
  if (event === 'missed' || event === 'snapshot-end') return { event }
  if (
    event === 'progress' ||
    event === 'device' ||
    event === 'fleet' ||
    event === 'action' ||
    event === 'bulk' ||
    event === 'snapshot'
  )
    return { event, data: JSON.parse(data) }
  return undefined
}

type SendOptions = CallOptions & { headers?: Record<string, string> }
type Connection = ReturnType<typeof createConnection>

function createConnection(options: ApiClientOptions) {
  const { clock, token, organization, userAgent, timeoutMs = defaultTimeoutMs } = options
  const server = options.server.replace(/\/+$/, '')
  let serverAheadMs = 0
  let version: string | null = null
  const bases = createBases()

  /** Sends one request and reads its answer within the time limit, or throws the refusal that it is. */
  async function send<T>(
    method: string,
    path: string,
    request: SendOptions,
    read: (answer: Answer) => Promise<T>,
  ): Promise<T> {
    const url = `${server}/api/v1${path}${queryString(request.query ?? {})}`
    const sent = request.body === undefined ? {} : { body: JSON.stringify(request.body) }
    const basis = bases.headersOf(request.basedOn)
    const deadline = abortAfter(clock, timeoutMs, request.signal)
    try {
      const answer = await options.fetch(url, {
        method,
        redirect: 'manual',
        signal: deadline.signal,
        headers: {
          accept: 'application/json',
          ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(organization === undefined ? {} : { 'muster-organization': organization }),
          ...(userAgent === undefined ? {} : { 'user-agent': userAgent }),
          ...basis,
          ...request.headers,
        },
        ...sent,
      })
      version = answer.headers.get(versionHeader) ?? version
      const date = Date.parse(answer.headers.get('date') ?? '')
      if (Number.isFinite(date)) serverAheadMs = date - clock.now()
      if (answer.status >= 200 && answer.status < 300) return await read(answer)
      throw refusalOf(answer, await answer.text(), url, clock.now() + serverAheadMs)
    } catch (error) {
      if (error instanceof Refusal || request.signal?.aborted) throw error
      const late = deadline.signal.aborted && `no answer within ${timeoutMs / 1000} s`
      throw new Refusal('server-unreachable', `${server}: ${late || causeOf(error)}`)
    } finally {
      deadline.cancel()
    }
  }

  const call: Call = (method, path, request = {}) => {
    if (!isCreate(method, path)) return callOnce(method, path, request)
    const keyed = { ...request, headers: { 'idempotency-key': createIdempotencyKey() } }
    return repeatUntilAnswered(clock, () => callOnce(method, path, keyed), request.signal)
  }

  const callOnce = <T>(method: string, path: string, request: SendOptions): Promise<T> =>
    send(method, path, request, async (answer) => {
      const text = await answer.text()
      if (text === '') return undefined as T
      try {
        const view = JSON.parse(text)
        bases.keep(view, answer.headers.get('etag'))
        return view
      } catch {
        throw notMuster(server, answer)
      }
    })

  /**
   * The body as it arrives. Its reader is taken at once: Node ends a body that nobody reads, as if that
   * were all, when its response is collected as garbage.
   */
  const open = (path: string, request: SendOptions) =>
    send('GET', path, request, async (answer) => {
      if (!answer.body) throw notMuster(server, answer)
      const reader = answer.body.getReader()
      return { getReader: () => reader }
    })

  function serverNow(): number {
    const aheadMs = Math.abs(serverAheadMs) > clockToleranceMs ? serverAheadMs : 0
    return clock.now() + aheadMs
  }

  return { server, send, call, open, serverNow, serverVersion: () => version }
}

function queryString(query: Query): string {
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`],
  )
  return given.length > 0 ? `?${given.join('&')}` : ''
}

/** A signal for one request that also ends it after `delayMs`, until cancelled. */
function abortAfter(clock: Clock, delayMs: number, outer: AbortSignal | undefined) {
  const controller = new AbortController()
  const stopTimer = clock.after(delayMs, () => controller.abort())
  const signal = outer ? AbortSignal.any([outer, controller.signal]) : controller.signal
  return { signal, cancel: stopTimer }
}

/** What stands in for a code when the answer has none that we know: a proxy's, or a newer server's. */
const codeByHttpStatus: Record<number, ErrorCode> = {
  400: 'invalid-request',
  401: 'unauthenticated',
  403: 'forbidden',
  404: 'not-found',
  413: 'body-too-large',
  415: 'unsupported-media-type',
  429: 'too-many-requests',
  500: 'internal',
  502: 'server-unreachable',
  503: 'server-unreachable',
  504: 'server-unreachable',
}

function refusalOf(answer: Answer, text: string, url: string, now: number): Refusal {
  const retryAfterMs = readRetryAfterMs(answer.headers.get('retry-after'), now)
  const problem = readProblem(text)
  const options = { retryAfterMs, instance: problem?.instance }
  if (problem?.code && Object.hasOwn(errors, problem.code))
    return new Refusal(problem.code as ErrorCode, problem.detail, options)
  // A browser hides where a redirect leads, and shows its status as 0.
  if (answer.status < 400) {
    const target = answer.headers.get('location') ?? 'another address'
    return new Refusal('server-unreachable', `${url} redirects to ${target}; use that address`)
  }
  const said = problem?.detail ?? problem?.title
  const detail = `${url} answered ${answer.status}${said ? `: ${said}` : ''}`
  const fallback = answer.status >= 500 ? 'internal' : 'invalid-request'
  return new Refusal(codeByHttpStatus[answer.status] ?? fallback, detail, options)
}

type ReadProblem = Record<'code' | 'title' | 'detail' | 'instance', string | undefined>

function readProblem(text: string): ReadProblem | null {
  try {
    const { code, title, detail, instance } = JSON.parse(text)
    const word = (value: unknown) => (typeof value === 'string' ? value : undefined)
    return {
      code: word(code),
      title: word(title),
      detail: word(detail),
      instance: word(instance),
    }
  } catch {
    return null
  }
}

/** `Retry-After` is seconds or a date. */
function readRetryAfterMs(header: string | null, now: number): number | undefined {
  if (header === null) return undefined
  if (/^\d+$/.test(header)) return Number(header) * 1000
  const date = Date.parse(header)
  return Number.isFinite(date) ? Math.max(0, date - now) : undefined
}

function notMuster(server: string, answer: Answer): Refusal {
  const contentType = answer.headers.get('content-type') ?? 'no content type'
  return new Refusal(
    'server-unreachable',
    `${server} answered with ${contentType} and not as expected; is this the address of a Muster server?`,
  )
}

/** fetch says "fetch failed"; what failed is in its cause, or in one of several for two addresses. */
function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { cause } = error
  if (!(cause instanceof Error)) return error.message
  const { errors: attempts, code } = cause as { errors?: Error[]; code?: string }
  if (attempts?.[0]) return attempts.map((attempt) => attempt.message).join('; ')
  if (!cause.message) return code ?? error.message
  return code && !cause.message.includes(code) ? `${cause.message} (${code})` : cause.message
}
