// How much one token, one user, or one address without a token may ask of the API. A bucket fills at a
// steady rate; each request takes from it what it costs. Whoever empties theirs waits, and nobody else
// does. Every answer says how much is left, in the fields of the IETF's draft on rate limits, so that a
// well-behaved client slows down before it is refused.
//
// Kept in the memory of each replica: what is limited is the work of that replica.

import { hash } from 'node:crypto'
import type { Clock } from '@muster/core/clock.ts'
import { Refusal } from '@muster/core/errors.ts'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { isRead } from './operation.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** How many readings of one thing it is worth. */
    cost?: number
  }
}

export type RateDeps = { clock: Clock; requestsPerSecond: number | null }

export type Rate = { burst: number; perSecond: number }
export type Bucket = { tokens: number; filledAt: number }

const burstSeconds = 10
/** Tokens of one user together. */
const userFactor = 3
/** Without a token there is little to ask. */
const strangerFactor = 0.5
const writeCost = 3
const maxBuckets = 100_000

export function rateOf(perSecond: number): Rate {
  return { perSecond, burst: Math.max(1, perSecond * burstSeconds) }
}

/** The bucket after the request, and whether it had enough. */
export function takeFrom(
  bucket: Bucket | undefined,
  cost: number,
  now: number,
  { burst, perSecond }: Rate,
): { bucket: Bucket; isAllowed: boolean } {
  const { tokens, filledAt } = bucket ?? { tokens: burst, filledAt: now }
  const filled = Math.min(burst, tokens + (Math.max(0, now - filledAt) * perSecond) / 1_000)
  // What costs more than a whole bucket waits for a full one.
  const isAllowed = filled >= Math.min(cost, burst)
  return { bucket: { tokens: isAllowed ? filled - cost : filled, filledAt: now }, isAllowed }
}

/** By token, before it is looked at, so that even refused ones cost next to nothing. */
export function limitRequests(scope: FastifyInstance, deps: RateDeps): void {
  if (deps.requestsPerSecond === null) return
  const token = createBuckets('token', rateOf(deps.requestsPerSecond), deps.clock)
  const stranger = rateOf(deps.requestsPerSecond * strangerFactor)
  const address = createBuckets('address', stranger, deps.clock)
  scope.addHook('onRequest', async (request, reply) => {
    const credentials = request.headers.authorization ?? request.headers.cookie
    if (credentials === undefined) address.take(request.ip, request, reply)
    else token.take(hash('sha256', credentials, 'base64url'), request, reply)
  })
}

/** By user, once it is known who asks: many tokens are not many times as much. */
export function limitUsers(scope: FastifyInstance, deps: RateDeps): void {
  if (deps.requestsPerSecond === null) return
  const user = createBuckets('user', rateOf(deps.requestsPerSecond * userFactor), deps.clock)
  scope.addHook('onRequest', async (request, reply) => {
    if (request.principal) user.take(String(request.principal.userId), request, reply)
  })
}

function createBuckets(policy: string, rate: Rate, clock: Clock) {
  const buckets = new Map<string, Bucket>()
  const windowSeconds = Math.ceil(rate.burst / rate.perSecond)

  function say(reply: FastifyReply, { tokens }: Bucket): void {
    const left = Math.max(0, Math.floor(tokens))
    const fullInSeconds = Math.ceil((rate.burst - tokens) / rate.perSecond)
    reply.header('ratelimit-policy', `"${policy}";q=${Math.floor(rate.burst)};w=${windowSeconds}`)
    reply.header('ratelimit', `"${policy}";r=${left};t=${Math.max(0, fullInSeconds)}`)
  }

  return {
    take(key: string, request: FastifyRequest, reply: FastifyReply): void {
      const cost = request.routeOptions.config.cost ?? (isRead(request) ? 1 : writeCost)
      const { bucket, isAllowed } = takeFrom(buckets.get(key), cost, clock.now(), rate)
      // The one that asked longest ago is forgotten first: its bucket is as good as full.
      buckets.delete(key)
      buckets.set(key, bucket)
      if (buckets.size > maxBuckets) buckets.delete(buckets.keys().next().value!)
      const isLeast = !reply.hasHeader('ratelimit') || !isAllowed
      if (isLeast) say(reply, bucket)
      if (isAllowed) return
      const missing = Math.min(cost, rate.burst) - bucket.tokens
      const retryAfterMs = Math.ceil((missing / rate.perSecond) * 1_000)
      throw new Refusal('too-many-requests', `of this ${policy}`, { retryAfterMs })
    },
  }
}
