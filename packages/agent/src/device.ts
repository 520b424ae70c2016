// One device as a command finds it: its identity from the state folder, made if it is new and the
// command may, and the requests that it makes outside of the loop.

import { mkdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { errors, exitCodes } from '@muster/core/errors.ts'
import { judgeAnswer, judgeFailure, type Outcome } from './answers.ts'
import type { Common, Starting } from './args.ts'
import { monotonicClock } from './clock.ts'
import {
  type Identity,
  IdentityUnreadable,
  makeIdentity,
  readIdentity,
  writeIdentity,
} from './identity.ts'
import type { KeeperPorts } from './link-keeper.ts'
import { dialLink, type LinkTarget } from './link-line.ts'
import { proxyFor } from './proxy.ts'
import { createDialBack, type DialBack } from './stream-line.ts'
import { type Answer, type Call, createHttpTransport, type HttpTransport } from './transport.ts'
import { createConnections, type Way } from './way.ts'

/** A command that ends here: what to say and what to exit with. */
export class Exit extends Error {
  override readonly name = 'Exit'
  readonly code: number

  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}

export function loadIdentity(stateDir: string): Identity | null {
  try {
    return readIdentity(stateDir)
  } catch (error) {
    if (error instanceof IdentityUnreadable) throw new Exit(exitCodes.failed, error.message)
    throw error
  }
}

type Found = { identity: Identity; server: string; way: Way }

/** For commands that speak for a device that must exist. */
export function loadDevice(wish: Common): Found {
  const identity = loadIdentity(wish.stateDir)
  if (!identity)
    throw new Exit(exitCodes.notFound, `There is no device in ${wish.stateDir}; is it --state-dir?`)
  const server = wish.server ?? identity.server
  if (server === null) throw new Exit(exitCodes.usage, 'Which server? Give --server URL.')
  return { identity, server, way: wayOf(wish, server, wish.caFile ?? identity.caFile) }
}

export function openStateDir(stateDir: string): void {
  try {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new Exit(exitCodes.failed, `${stateDir} cannot be used: ${(error as Error).message}`)
  }
}

/**
 * The identity to start with. It is stored before anything is sent; where it cannot be, nothing is
 * sent, because a registration that is forgotten leaves a dead device in the fleet.
 */
export function settleIdentity(wish: Common & Starting): Found {
  const known = loadIdentity(wish.stateDir)
  const server = wish.server ?? known?.server ?? null
  const mistakes = mistakesOf(wish, known, server)
  if (mistakes.length > 0) throw new Exit(exitCodes.usage, mistakes.join('\n'))
  if (known && wish.uuid !== null && wish.uuid !== known.uuid)
    throw new Exit(
      exitCodes.conflict,
      `${wish.stateDir} holds the device ${known.uuid}, not ${wish.uuid}; use another --state-dir.`,
    )
  const caFile = wish.caFile === null ? (known?.caFile ?? null) : resolve(wish.caFile)
  const identity = { ...identityFor(wish, known, server!), caFile }
  if (JSON.stringify(identity) !== JSON.stringify(known)) store(wish.stateDir, identity, known)
  return { identity, server: server!, way: wayOf(wish, server!, caFile) }
}

function wayOf(wish: Common, server: string, caFile: string | null): Way {
  const { clientCertFile, clientKeyFile } = wish
  return { caFile, clientCertFile, clientKeyFile, proxy: proxyFor(server, wish.proxy) }
}

function identityFor(wish: Starting, known: Identity | null, server: string): Identity {
  const identity = known ?? makeIdentity({ uuid: wish.uuid ?? undefined, server })
  if (wish.deviceKey !== null)
    return { ...identity, server, deviceKey: wish.deviceKey, registeredWith: server }
  const movesTo = known !== null && known.registeredWith !== server && known.registeredWith !== null
  // With a provisioning key it is to register there; without one its server has only moved.
  const registeredWith = movesTo ? (wish.provisioningKey ? null : server) : identity.registeredWith
  return { ...identity, server, registeredWith }
}

function mistakesOf(wish: Starting, known: Identity | null, server: string | null): string[] {
  const mistakes: string[] = []
  if (server === null) mistakes.push('Which server? Give --server URL.')
  const registered = known?.registeredWith != null
  if (!registered && wish.provisioningKey === null && wish.deviceKey === null)
    mistakes.push('This device is not registered yet: give --provisioning-key KEY.')
  if (!known && wish.deviceKey !== null && wish.uuid === null)
    mistakes.push('--device-key belongs to a preregistered device: give its --uuid too.')
  return mistakes
}

function store(stateDir: string, identity: Identity, known: Identity | null): void {
  try {
    writeIdentity(stateDir, identity)
  } catch (error) {
    if (known?.deviceKey === identity.deviceKey) return
    const why = (error as Error).message
    throw new Exit(exitCodes.failed, `The identity cannot be stored, so nothing was sent: ${why}`)
  }
}

export async function openTransport(server: string, way: Way): Promise<HttpTransport> {
  const secure = new URL(server).protocol === 'https:'
  const http = secure ? await import('node:https') : await import('node:http')
  try {
    const clock = monotonicClock()
    return createHttpTransport({ http, clock, serverUrl: server, way })
  } catch (error) {
    throw new Exit(exitCodes.usage, `A file of PEM cannot be used: ${(error as Error).message}`)
  }
}

/** Dials the link of the device, and streams back, on connections of their own. */
export async function openLink(
  target: Omit<LinkTarget, 'connections'>,
  way: Way,
): Promise<{ dial: KeeperPorts['dial']; dialBack: DialBack }> {
  const { serverUrl } = target
  const secure = new URL(serverUrl).protocol === 'https:'
  const http = secure ? await import('node:https') : await import('node:http')
  const connections = createConnections(http, serverUrl, way, {})
  return {
    dial: (listener) => dialLink({ ...target, connections }, listener),
    dialBack: createDialBack(http, target, connections),
  }
}

/** One request of the device outside of the loop. */
export async function askServer(
  transport: HttpTransport,
  device: { identity: Identity; userAgent: string; key?: string },
  call: Pick<Call, 'method' | 'path'> & { body?: unknown },
): Promise<{ outcome: Outcome; answer: Answer | null }> {
  const headers: Record<string, string> = {
    authorization: `Bearer ${device.key ?? device.identity.deviceKey}`,
    'user-agent': device.userAgent,
  }
  if (call.body !== undefined) headers['content-type'] = 'application/json'
  const body = call.body === undefined ? null : JSON.stringify(call.body)
  const { method, path } = call
  try {
    const answer = await transport.request({ method, path, headers, body, timeoutMs: 15_000 })
    return { outcome: judgeAnswer(answer), answer }
  } catch (error) {
    return { outcome: judgeFailure(error), answer: null }
  }
}

export function exitCodeOf(outcome: Outcome): number {
  switch (outcome.kind) {
    case 'ok':
      return exitCodes.ok
    case 'frozen':
      return exitCodes.refused
    case 'unreachable':
      return exitCodes.unreachable
    case 'refused':
      return outcome.code && outcome.code in errors ? errors[outcome.code].exit : exitCodes.failed
    default:
      return outcome satisfies never
  }
}
