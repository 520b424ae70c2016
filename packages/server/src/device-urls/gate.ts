// Who may pass to a device by its URL. A program brings a token of Muster. A browser brings the cookie
// of a pass: it is sent to Muster's own host, where somebody is signed in or not, comes back with a
// ticket that is good once, and is given a pass for this host name alone. So Muster's own cookie is
// never sent where a device could see it, and a pass is of no use anywhere else.
//
// Pages of devices are strangers to each other though browsers take hosts of one domain for one site:
// what a page of another host asks for is refused, unless somebody followed a link.

import { createHash, randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Clock } from '@muster/core/clock.ts'
import { Refusal } from '@muster/core/errors.ts'
import { passCookies } from './headers.ts'
import type { Pass, UrlDevice, UrlStore, Visitors } from './ports.ts'

export type GateDeps = { store: UrlStore; visitors: Visitors; clock: Clock }

/** What became of a request at the gate. */
export type Passed = { keepsAuthorization: boolean }

const ticketMs = 60_000
const passMs = 12 * 3_600_000
/** Who has lost the right is out after so long. */
const believedMs = 15_000
const notedMs = 15 * 60_000
const mostBelieved = 10_000

export type Gate = ReturnType<typeof createGate>

export function createGate({ store, visitors, clock }: GateDeps) {
  const believed = new Map<string, { until: number; isAllowed: boolean }>()
  const notedAt = new Map<string, number>()

  async function isAllowed(key: string, ask: () => Promise<boolean>): Promise<boolean> {
    const known = believed.get(key)
    if (known && known.until > clock.now()) return known.isAllowed
    const verdict = await ask()
    believed.delete(key)
    believed.set(key, { until: clock.now() + believedMs, isAllowed: verdict })
    if (believed.size > mostBelieved) believed.delete(believed.keys().next().value!)
    return verdict
  }

  async function note(userId: number, email: string | null, device: UrlDevice): Promise<void> {
    const key = `${userId} ${device.id}`
    if (clock.now() - (notedAt.get(key) ?? Number.NEGATIVE_INFINITY) < notedMs) return
    if (notedAt.size > mostBelieved) notedAt.clear()
    notedAt.set(key, clock.now())
    await visitors.note({ userId, email }, device)
  }

  async function byToken(token: string, device: UrlDevice): Promise<boolean> {
    const visitor = await visitors.judgeToken(token, device)
    if (!visitor) return false
    if (!visitor.isAllowed) throw new Refusal(visitor.maySee ? 'forbidden' : 'device-url-off')
    await note(visitor.userId, visitor.email, device)
    return true
  }

  async function byPass(text: string, device: UrlDevice): Promise<boolean> {
    const hash = hashOf(text)
    return isAllowed(`${hash} ${device.id}`, async () => {
      const pass = await store.findPass(hash)
      if (!isGood(pass, 'pass', device, clock.now())) return false
      return visitors.judgeUser(pass!.userId, pass!.sessionId, device)
    })
  }

  return {
    /** Refuses with `unauthenticated`, `forbidden`, `device-url-off` and `origin-refused`. */
    async admit(request: IncomingMessage, device: UrlDevice): Promise<Passed> {
      const bearer = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '')?.[1]
      const isToken = bearer !== undefined && (await byToken(bearer, device))
      // A token of ours is never handed on, not even where nobody asked for it.
      if (isToken) return { keepsAuthorization: false }
      if (device.url?.access === 'public') return { keepsAuthorization: true }
      const pass = passOf(request)
      if (pass === undefined || !(await byPass(pass, device))) throw new Refusal('unauthenticated')
      refuseOtherSites(request)
      return { keepsAuthorization: true }
    },

    /** For somebody who was admitted at Muster's own host. */
    async issueTicket(of: Omit<Pass, 'kind' | 'expiresAt'>): Promise<string> {
      return add({ ...of, kind: 'ticket', expiresAt: clock.now() + ticketMs })
    },

    /** The pass for a ticket. Refuses with `unauthenticated` one that is used, old or of elsewhere. */
    async redeem(ticket: string, device: UrlDevice): Promise<{ pass: string; seconds: number }> {
      const found = await store.takeTicket(hashOf(ticket))
      if (!isGood(found, 'ticket', device, clock.now())) throw new Refusal('unauthenticated')
      await store.deleteExpiredPasses(clock.now())
      const pass = await add({ ...found!, kind: 'pass', expiresAt: clock.now() + passMs })
      return { pass, seconds: passMs / 1_000 }
    },
  }

  async function add(pass: Pass): Promise<string> {
    const text = randomBytes(32).toString('base64url')
    await store.addPass(hashOf(text), pass)
    return text
  }
}

function isGood(pass: Pass | null, kind: Pass['kind'], device: UrlDevice, now: number): boolean {
  return pass?.kind === kind && pass.deviceId === device.id && pass.expiresAt > now
}

function refuseOtherSites({ headers, method }: IncomingMessage): void {
  const { origin, host } = headers
  const site = headers['sec-fetch-site']
  const isFollowed = headers['sec-fetch-mode'] === 'navigate' && method === 'GET'
  const isForeign = site !== undefined && site !== 'same-origin' && site !== 'none'
  const isFromElsewhere = origin !== undefined && !isOfHost(origin, host)
  if (isFromElsewhere || (isForeign && !isFollowed))
    throw new Refusal('origin-refused', origin ?? 'a page of another host name')
}

function isOfHost(origin: string, host: string | undefined): boolean {
  return URL.canParse(origin) && new URL(origin).host === host?.toLowerCase()
}

function passOf({ headers }: IncomingMessage): string | undefined {
  const names: readonly string[] = Object.values(passCookies)
  for (const part of (headers.cookie ?? '').split(';')) {
    const [name = '', value] = part.trim().split('=', 2)
    if (names.includes(name)) return value
  }
  return undefined
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url')
}
