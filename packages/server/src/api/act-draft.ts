// The entry of the audit log that a request deserves: who, what, on what, from where, with what outcome.

import type { AuditOutcome } from '@muster/core/audit-chain.ts'
import type { FastifyRequest } from 'fastify'
import type { AuditDraft } from '../audit/ports.ts'
import { changesOf } from './changes.ts'
import { operationOf, targetOf } from './operation.ts'

type Outcome = { at: number; outcome: AuditOutcome; answer: unknown }

const longest = { user: 254, target: 300, fleet: 64, client: 200, address: 64 }

export function draftOf(request: FastifyRequest, { at, outcome, answer }: Outcome): AuditDraft {
  const { principal, method, routeOptions, body, act, auditDetail } = request
  const url = routeOptions.url ?? ''
  const params = (request.params ?? {}) as Record<string, unknown>
  const made = outcome === 'ok' ? answer : undefined
  // Until it is known what was made, it is called as it was to be called.
  const named = outcome === 'unknown' ? body : made
  return {
    organizationId: principal?.organizationId ?? 0,
    at,
    userId: principal?.userId ?? null,
    user: clean(principal?.email ?? userOf(request), longest.user),
    role: principal?.role ?? null,
    credential: credentialOf(request),
    operation: operationOf(method, url),
    target: clean(targetOf(url, params, named), longest.target),
    fleet: clean(fleetOf(params, named), longest.fleet),
    address: clean(request.ip, longest.address),
    client: clean(request.headers['user-agent'] ?? null, longest.client),
    outcome,
    code: outcome === 'refused' || outcome === 'failed' ? codeOf(answer) : null,
    detail: { ...changesOf(body, act?.before ?? null, made), ...auditDetail },
  }
}

/** Text that both databases give back as it was: without what only one of them takes. */
function clean(text: string | null, maxLength: number): string | null {
  if (text === null) return null
  return text
    .slice(0, maxLength)
    .toWellFormed()
    .replace(/\p{Cc}/gu, '�')
}

/** Whoever wants to sign in, where what they gave can be an e-mail at all. */
function userOf({ auditUser, body }: FastifyRequest): string | null {
  const { email } = (body ?? {}) as { email?: unknown }
  const said = auditUser ?? email
  return typeof said === 'string' && /^[^\s@]+@[^\s@]+$/.test(said) ? said.toLowerCase() : null
}

/** As the lists of sessions and of tokens number them. */
function credentialOf({ identity }: FastifyRequest): string | null {
  if (!identity) return null
  const { via, sessionId, tokenId } = identity
  return `${via} ${sessionId ?? tokenId ?? ''}`.trim()
}

function fleetOf(params: Record<string, unknown>, answer: unknown): string | null {
  if (typeof params.slug === 'string') return params.slug
  if (typeof answer !== 'object' || answer === null) return null
  const { fleet, device } = answer as { fleet?: unknown; device?: { fleet?: unknown } }
  const said = fleet ?? device?.fleet
  return typeof said === 'string' ? said : null
}

function codeOf(answer: unknown): string | null {
  const { code } = (answer ?? {}) as { code?: unknown }
  return typeof code === 'string' ? code : null
}
