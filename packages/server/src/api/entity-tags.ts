// Entity tags of what can be read. A tag has two halves: the first is over what people edit, the second
// over all that is shown. A reader who asks whether anything is new is answered by both; an editor, who
// asks whether anybody edited in between, by the first alone, for a device that was only heard again
// has not changed under anybody's hands.

import { hash } from 'node:crypto'
import { canonicalText } from '@muster/core/audit-chain.ts'
import type { FastifyInstance } from 'fastify'
import { isRead } from './operation.ts'

/** What is seen of a thing, and edited by nobody. */
const observed = new Set([
  'status',
  'heartbeat',
  'cloudlink',
  'update',
  'facts',
  'lastAddress',
  'lastContactAt',
  'active',
  'statusCounts',
  'deviceCount',
  'activeDeviceCount',
  'memberCount',
  'lastUsedAt',
  'lastSeenAt',
])
const halfLength = 16

export function registerEntityTags(scope: FastifyInstance): void {
  scope.addHook('onSend', async (request, reply, payload) => {
    if (!isRead(request) || reply.statusCode !== 200 || typeof payload !== 'string') return payload
    if (reply.hasHeader('etag') || !String(reply.getHeader('content-type')).includes('json'))
      return payload
    const tag = entityTagOf(payload)
    reply.header('etag', tag)
    reply.header('cache-control', 'private, no-cache')
    if (!isNamed(request.headers['if-none-match'], (one) => one.replace(/^W\//, '') === tag))
      return payload
    reply.code(304).removeHeader('content-length').removeHeader('content-type')
    return ''
  })
}

/** Of JSON as it is answered. */
export function entityTagOf(text: string): string {
  const view: unknown = JSON.parse(text)
  return `"${editHalf(view)}.${half(text)}"`
}

/** Whether `If-Match` names the state that people see now. */
export function isBasedOn(header: string, view: unknown): boolean {
  const own = editHalf(JSON.parse(JSON.stringify(view)))
  return isNamed(header, (one) => /^"([\w-]+)\.[\w-]+"$/.exec(one)?.[1] === own)
}

function isNamed(header: string | undefined, is: (tag: string) => boolean): boolean {
  if (header === undefined) return false
  return header.split(',').some((one) => one.trim() === '*' || is(one.trim()))
}

/** A list is edited by nobody as a whole. */
function editHalf(view: unknown): string {
  if (typeof view !== 'object' || view === null || 'items' in view) return 'list'
  const edited = Object.entries(view).filter(([field]) => !observed.has(field))
  return half(canonicalText(Object.fromEntries(edited)))
}

function half(text: string): string {
  return hash('sha256', text, 'base64url').slice(0, halfLength)
}
