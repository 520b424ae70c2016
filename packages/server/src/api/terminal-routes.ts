// The terminal of a device: a WebSocket that ends at its own sshd. Who may open one is decided by the
// hooks of all routes before the connection is taken, and refused in their words; what goes wrong on
// the way to the device is said on the WebSocket, since a browser shows nothing of an answer that is
// none. A browser opens WebSockets from any page and sends the cookie along, so the cookie counts here
// only from our own origin.

import { Refusal } from '@muster/core/errors.ts'
import { refuseFrozen } from '@muster/core/frozen.ts'
import { TerminalPolicy } from '@muster/core/terminal-api.ts'
import {
  type TerminalEnd,
  TerminalQuery,
  terminalEnds,
  terminalLimits,
  terminalProtocol,
} from '@muster/core/terminal-protocol.ts'
import { scopeAllows } from '@muster/core/token-scope.ts'
import type { FastifyRequest } from 'fastify'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Screen, ScreenEvents, TerminalDevice } from '../terminal/ports.ts'
import { draftOf } from './act-draft.ts'
import { admitDevice, deviceOf, fleetOf, loadPrincipal } from './admission.ts'
import { refuseForeignSocket } from './credentials.ts'
import { DeviceParams, loadDeviceView } from './device-routes.ts'
import { type Api, type ApiDeps, principalOf } from './door.ts'
import { FleetParams } from './fleet-routes.ts'

export function registerTerminal(api: Api, deps: ApiDeps): void {
  const sockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: terminalLimits.maxFrameBytes,
    handleProtocols: () => terminalProtocol,
  })
  api.get(
    '/devices/:uuid/terminal',
    {
      config: { right: 'streams-open', whereDeviceIs: true },
      schema: {
        // OpenAPI has no words for a WebSocket; docs/guides/terminal.md has.
        hide: true,
        params: DeviceParams,
        querystring: TerminalQuery,
      },
    },
    async (request, reply) => {
      requireUpgrade(api, request)
      refuseForeignSocket(request)
      refuseReadOnly(request)
      const device = await admitTerminal(deps, request)
      const { userId, email } = principalOf(request)
      const person = { userId, email }
      const leave = deps.terminals.take(person)
      const { socket, head } = api.takeUpgrade(request, reply)
      socket.once('close', leave)
      sockets.handleUpgrade(request.raw, socket, head, (webSocket) => {
        let whenRoom = () => {}
        const screen = screenOf(webSocket, () => whenRoom())
        const { query } = request
        const check = () => checkAgain(deps, request)
        const record = recorderOf(deps, request)
        const asked = { device, person, query, check, record }
        const events = deps.terminals.open(screen, asked)
        whenRoom = events.hasRoom
        follow(webSocket, events)
      })
    },
  )
  registerPolicy(api, deps)
}

function requireUpgrade(api: Api, request: FastifyRequest): void {
  const offered = request.headers['sec-websocket-protocol']?.split(',') ?? []
  if (api.isUpgrade(request) && offered.some((name) => name.trim() === terminalProtocol)) return
  throw new Refusal('invalid-request', `connect with a WebSocket that speaks ${terminalProtocol}`)
}

/** Asking for it is a GET, and changes more than any other request. */
export function refuseReadOnly(request: FastifyRequest): void {
  if (!scopeAllows(principalOf(request).scope, 'streams-open', false))
    throw new Refusal('forbidden', 'the scope of this token only reads')
}

async function admitTerminal(deps: ApiDeps, request: FastifyRequest): Promise<TerminalDevice> {
  const { id, uuid, fleetId } = deviceOf(request)
  const view = await loadDeviceView(deps, uuid)
  if (!view) throw new Refusal('device-not-found')
  refuseFrozen({ frozen: view.status.status === 'frozen' })
  const { organizationId } = principalOf(request)
  return { id, uuid, name: view.name, fleetId, organizationId }
}

/** Whether whoever opened it still may, and the device may still have it. */
async function checkAgain(deps: ApiDeps, request: FastifyRequest): Promise<TerminalEnd | null> {
  const { organizationId } = principalOf(request)
  try {
    request.principal = await loadPrincipal(deps, request)
    if (principalOf(request).organizationId !== organizationId) return 'not-allowed'
    request.device = await admitDevice(deps, request, deviceOf(request).uuid)
    await admitTerminal(deps, request)
    return null
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    const { code } = error
    if (code === 'store-unavailable') throw error
    return code === 'device-frozen' ? 'frozen' : 'not-allowed'
  }
}

/** Both ends of a session are entries of their own. */
function recorderOf({ audit, clock }: ApiDeps, request: FastifyRequest) {
  const draft = draftOf(request, { at: clock.now(), outcome: 'ok', answer: undefined })
  return async (what: 'open' | 'close', detail: Record<string, unknown>) =>
    audit.record({
      ...draft,
      at: clock.now(),
      operation: `devices.terminal.${what}`,
      detail,
    })
}

/** More than this waits for a browser nowhere; about as much again is on its way in SSH. */
const enoughBytes = 256 * 1024

function screenOf(socket: WebSocket, whenRoom: () => void): Screen {
  let isFull = false
  return {
    show(bytes) {
      socket.send(bytes, { binary: true }, () => {
        if (!isFull || socket.bufferedAmount > enoughBytes / 2) return
        isFull = false
        whenRoom()
      })
      isFull ||= socket.bufferedAmount > enoughBytes
      return !isFull
    },
    tell: (news) => socket.send(JSON.stringify(news)),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    close: (reason) => bid(socket, reason),
    refuse: ({ code, detail }) =>
      bid(socket, 'unreachable', { code, ...(detail === undefined ? {} : { detail }) }),
  }
}

function bid(
  socket: WebSocket,
  reason: TerminalEnd,
  more: { code?: string; detail?: string } = {},
) {
  const { code, title } = terminalEnds[reason]
  socket.resume()
  socket.send(JSON.stringify({ type: 'closing', reason, title, ...more }))
  // Whoever does not answer that is let go half a minute later.
  socket.close(code, reason)
}

function follow(socket: WebSocket, events: ScreenEvents): void {
  socket.on('message', (data: Buffer, isBinary) => {
    if (isBinary) events.typed(data)
    else events.said(data.toString())
  })
  socket.on('close', () => events.left())
  // A close follows.
  socket.on('error', () => undefined)
}

function registerPolicy(api: Api, { terminals }: ApiDeps): void {
  const one = {
    config: { right: 'fleets-read' as const },
    schema: {
      tags: ['terminals'],
      summary: 'How long terminals of a fleet may last, and whether they are recorded',
      params: FleetParams,
      response: { 200: TerminalPolicy },
    },
  }
  api.get('/fleets/:slug/terminal', one, (request) => terminals.loadPolicy(fleetOf(request).id))
  api.put(
    '/fleets/:slug/terminal',
    {
      config: { right: 'recordings-write' },
      schema: {
        ...one.schema,
        summary: 'Say so; it holds for terminals that are opened from now on',
        body: TerminalPolicy,
      },
    },
    async (request) => {
      const { id } = fleetOf(request)
      await terminals.setPolicy(id, request.body)
      return terminals.loadPolicy(id)
    },
  )
}
