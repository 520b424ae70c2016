// Acts: what a request does, seen from outside its route. Before a route changes anything, the act is
// written down, alone on what it changes, and held to `If-Match` and `Idempotency-Key`; before its
// answer leaves, the outcome is. Routes know nothing of it and cannot forget it.
//
// What somebody edits is read as its own GET shows it, before and after: that tells whether they knew
// what they change, and what the log says of it.

import { type Clock, pause } from '@muster/core/clock.ts'
import { Refusal } from '@muster/core/errors.ts'
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteHandlerMethod } from 'fastify'
import type { Audit } from '../audit/audit.ts'
import { draftOf } from './act-draft.ts'
import { isBasedOn } from './entity-tags.ts'
import { type Answered, createIdempotency, replay } from './idempotency.ts'
import { isRead } from './operation.ts'

declare module 'fastify' {
  interface FastifyRequest {
    act: Act | null
    /** What a route adds to the entry of the audit log; never a secret. */
    auditDetail: Readonly<Record<string, unknown>> | null
    /** Whoever signed in or tried to, where the route knows and the principal is not there yet. */
    auditUser: string | null
    /** Other organizations whose log has this, too. */
    auditOrganizationIds: readonly number[] | null
  }
  interface FastifyContextConfig {
    /** A reading that the audit log has, such as an export. */
    audited?: boolean
  }
}

export type Act = {
  /** Null: it is not begun, since it only reads or was refused before. */
  id: string | null
  /** What it changes, as it was before. */
  before: unknown
  /** Seals the answer for its idempotency key; null: it has none. */
  seal: ((answer: Answered) => { status: number; sealed: string }) | null
  /** Its entry is written, or none is due. */
  isEnded: boolean
}

export type ActDeps = { audit: Audit; clock: Clock }

/** How long one waits for another who changes the same. */
const guardTries = 40
const guardPauseMs = 50

export function registerActs(scope: FastifyInstance, deps: ActDeps): void {
  const readers = new Map<string, RouteHandlerMethod>()
  const idempotency = createIdempotency()
  scope.decorateRequest('act', null)
  scope.decorateRequest('auditDetail', null)
  scope.decorateRequest('auditUser', null)
  scope.decorateRequest('auditOrganizationIds', null)
  scope.addHook('onRoute', ({ method, url, handler }) => {
    if ([method].flat().includes('GET')) readers.set(url, handler)
  })
  scope.addHook('preHandler', async (request, reply) => {
    if (isRead(request) || !request.principal) return
    const { method, routeOptions } = request
    const read = method === 'POST' ? undefined : readers.get(routeOptions.url!)
    const answered = await beginAct(deps, request, idempotency.of(request), read !== undefined)
    if (answered) return replay(reply, answered)
    if (read) await holdToBasis(request, reply, read)
    else if (request.headers['if-match'] !== undefined && method !== 'POST')
      throw new Refusal('edit-collided', 'this has no representation to compare with')
  })
  scope.addHook('onSend', async (request, reply, payload) => {
    await endAct(deps, request, reply, payload)
    return payload
  })
}

/** The answer that its idempotency key had before, or null: it is begun now. */
async function beginAct(
  { audit, clock }: ActDeps,
  request: FastifyRequest,
  key: ReturnType<ReturnType<typeof createIdempotency>['of']>,
  isEdit: boolean,
): Promise<Answered | null> {
  const draft = draftOf(request, { at: clock.now(), outcome: 'unknown', answer: undefined })
  const guards = isEdit ? guardOf(request) : null
  const idempotency = key && { scope: key.scope, requestHash: key.requestHash }
  for (let tries = 1; ; tries++) {
    const { id, beginning } = await audit.begin({ draft, guards, idempotency })
    if (beginning.kind === 'repeated') {
      request.act = { id: null, before: undefined, seal: null, isEnded: true }
      return key!.answerAgain(beginning)
    }
    if (beginning.kind === 'begun') {
      request.act = { id, before: undefined, seal: key?.seal ?? null, isEnded: false }
      return null
    }
    if (tries === guardTries)
      throw new Refusal('edit-in-progress', undefined, { retryAfterMs: 1_000 })
    await pause(clock, guardPauseMs)
  }
}

/** One name for one thing, whichever way its path says it. */
function guardOf(request: FastifyRequest): string {
  const { device, principal, routeOptions } = request as FastifyRequest & {
    device?: { uuid: string } | null
  }
  const params = { ...(request.params as object), ...(device ? { uuid: device.uuid } : {}) }
  return `${principal!.organizationId} ${routeOptions.url} ${JSON.stringify(params)}`
}

/** Reads what is to be changed; refuses with `edit-collided` where the caller knew another state. */
async function holdToBasis(
  request: FastifyRequest,
  reply: FastifyReply,
  read: RouteHandlerMethod,
): Promise<void> {
  const view: unknown = await read.call(request.server, request, reply)
  request.act!.before = view
  const based = request.headers['if-match']
  if (based !== undefined && !isBasedOn(based, view)) throw new Refusal('edit-collided')
}

async function endAct(
  { audit, clock }: ActDeps,
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
): Promise<void> {
  const act = request.act ?? { id: null, before: undefined, seal: null, isEnded: false }
  request.act = act
  if (act.isEnded || !isRecorded(request, reply)) return
  act.isEnded = true
  const { statusCode } = reply
  const outcome = statusCode < 400 ? 'ok' : statusCode < 500 ? 'refused' : 'failed'
  const answer = typeof payload === 'string' ? parsed(payload) : undefined
  const draft = draftOf(request, { at: clock.now(), outcome, answer })
  const all = (await chainsOf(audit, request, draft.user)).map(({ organizationId, userId }) => ({
    ...draft,
    organizationId,
    userId,
  }))
  const drafts = outcome === 'refused' ? audit.admitRefusal(all) : all
  if (act.id !== null) {
    const text = typeof payload === 'string' ? payload : ''
    // What was refused did nothing: its key may be used again. What failed may have done something.
    const keptAs = {
      ok: { status: statusCode, text },
      failed: { status: 0, text: '' },
      refused: null,
    }
    const kept = keptAs[outcome]
    return audit.end({ actId: act.id, drafts, answer: kept && (act.seal?.(kept) ?? null) })
  }
  if (drafts.length === 0) return
  const recorded = audit.record(...drafts)
  // A refusal stands, whether it could be written down or not.
  await (outcome === 'ok' ? recorded : recorded.catch(() => undefined))
}

/** Every act, and of readings those that say so and those that were refused for want of a right. */
function isRecorded(request: FastifyRequest, { statusCode }: FastifyReply): boolean {
  const { open, audited } = request.routeOptions.config
  if (!request.principal && !open) return false
  // One who asks too much would fill the log with nothing but that.
  if (statusCode === 429 && !open) return false
  if (isRead(request)) return Boolean(audited) || (statusCode === 403 && request.principal !== null)
  return true
}

type Chain = { organizationId: number; userId: number | null }

/** The chains that an act belongs to; whoever signs in concerns every organization of theirs. */
async function chainsOf(
  audit: Audit,
  { principal, auditOrganizationIds }: FastifyRequest,
  user: string | null,
): Promise<Chain[]> {
  if (principal) {
    const { organizationId, userId } = principal
    const ids = new Set([organizationId, ...(auditOrganizationIds ?? [])])
    return [...ids].map((id) => ({ organizationId: id, userId }))
  }
  const audience = user === null ? null : await audit.findAudience(user).catch(() => null)
  const ids = audience?.organizationIds.length ? audience.organizationIds : [0]
  return ids.map((organizationId) => ({ organizationId, userId: audience?.userId ?? null }))
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
