// Idempotency keys: whoever repeats a request with the same `Idempotency-Key`, because its answer was
// lost, gets the first answer and no second effect. The key belongs to its credentials, and to the very
// request: anything else under it is refused.
//
// An answer may hold a secret that is shown once. It is kept sealed, under a key derived from the
// idempotency key and the token, neither of which is kept: only whoever asked can open it. Rejected:
// keeping no answer with a secret (its creator could never get it back when the line breaks), and
// sealing with a key of the server (which lies beside the database in every backup).

import { createCipheriv, createDecipheriv, hash, hkdfSync, randomBytes } from 'node:crypto'
import { canonicalText } from '@muster/core/audit-chain.ts'
import { Refusal } from '@muster/core/errors.ts'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Beginning, KeptAnswer } from '../audit/ports.ts'
import { tokenOf } from './door.ts'

export type Answered = { status: number; text: string }

type Repeated = Extract<Beginning, { kind: 'repeated' }>

const isKey = /^[\x21-\x7e]{1,255}$/
const ivBytes = 12
const tagBytes = 16
const keyBytes = 32
const retryAfterMs = 1_000

export function createIdempotency() {
  return {
    /** What the request says of its key; null: it has none. Only what creates takes one. */
    of(request: FastifyRequest) {
      const given = request.headers['idempotency-key']
      if (given === undefined || request.method !== 'POST') return null
      if (typeof given !== 'string' || !isKey.test(given))
        throw new Refusal('invalid-request', 'Idempotency-Key: 1 to 255 visible ASCII characters')
      const secret = `${tokenOf(request)} ${given}`
      const scope = hash('sha256', `${request.principal!.organizationId} ${secret}`, 'base64url')
      const requestHash = hashOf(request)
      return {
        scope,
        requestHash,
        seal: ({ status, text }: Answered): KeptAnswer => ({ status, sealed: seal(secret, text) }),
        answerAgain: (repeated: Repeated) => answerAgain(repeated, requestHash, secret),
      }
    },
  }
}

function hashOf({ method, url, body }: FastifyRequest): string {
  return hash('sha256', `${method} ${url}\n${canonicalText(body ?? null)}`, 'base64url')
}

function answerAgain(
  { requestHash: known, answer, isUnderWay }: Repeated,
  requestHash: string,
  secret: string,
): Answered {
  if (known !== requestHash) throw new Refusal('idempotency-key-reused')
  if (isUnderWay) throw new Refusal('idempotency-in-progress', undefined, { retryAfterMs })
  if (!answer || answer.status === 0) throw new Refusal('idempotency-outcome-unknown')
  return { status: answer.status, text: open(secret, answer.sealed) }
}

export function replay(reply: FastifyReply, { status, text }: Answered): FastifyReply {
  reply.code(status).header('idempotency-replayed', 'true')
  if (text === '') return reply.send()
  return reply.type('application/json; charset=utf-8').send(text)
}

function sealingKey(secret: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', 'muster idempotent answer', keyBytes))
}

function seal(secret: string, text: string): string {
  const iv = randomBytes(ivBytes)
  const cipher = createCipheriv('aes-256-gcm', sealingKey(secret), iv)
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
  return Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64url')
}

/** An answer that does not open was changed in the database, and is no answer. */
function open(secret: string, text: string): string {
  const bytes = Buffer.from(text, 'base64url')
  const [iv, tag] = [bytes.subarray(0, ivBytes), bytes.subarray(ivBytes, ivBytes + tagBytes)]
  try {
    const decipher = createDecipheriv('aes-256-gcm', sealingKey(secret), iv)
    decipher.setAuthTag(tag)
    const opened = decipher.update(bytes.subarray(ivBytes + tagBytes))
    return Buffer.concat([opened, decipher.final()]).toString('utf8')
  } catch {
    throw new Refusal('idempotency-outcome-unknown')
  }
}
