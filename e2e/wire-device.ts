// A device that speaks the protocol from within a test: for stories that need many devices, an exact
// word at an exact moment, or a key that is not its own. Agents as processes tell the other stories.

import { randomBytes } from 'node:crypto'

export type WireDevice = ReturnType<typeof createWireDevice>

const userAgent = 'muster-agent/0.0.0 (Linux; e2e)'
const timeoutMs = 10_000

/** Every call resolves with the HTTP status, or rejects where no answer came. */
export function createWireDevice(server: string) {
  const uuid = randomBytes(16).toString('hex')
  const own = { key: randomBytes(16).toString('hex') }
  let etag: string | null = null

  async function send(at: string, method: string, path: string, key: string, body?: unknown) {
    const answer = await fetch(`${at}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        'user-agent': userAgent,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(method === 'GET' && etag !== null ? { 'if-none-match': etag } : {}),
      },
      signal: AbortSignal.timeout(timeoutMs),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    await answer.arrayBuffer()
    return answer
  }

  return {
    uuid,
    get key() {
      return own.key
    },
    /** Uses another key from now on. */
    useKey(key: string) {
      own.key = key
    },

    register: async (provisioningKey: string) =>
      (await send(server, 'POST', '/device/register', provisioningKey, { uuid, api_key: own.key }))
        .status,

    /** Asks for its target state, at another replica or with another key where one is given. */
    async heartbeat({ at = server, key = own.key } = {}): Promise<number> {
      const answer = await send(at, 'GET', `/device/v3/${uuid}/state`, key)
      if (answer.ok) etag = answer.headers.get('etag')
      return answer.status
    },

    report: async (report: Record<string, unknown>, { at = server, key = own.key } = {}) =>
      (await send(at, 'PATCH', '/device/v3/state', key, { [uuid]: report })).status,

    goodbye: async ({ at = server, key = own.key } = {}) =>
      (await send(at, 'POST', `/device/v1/${uuid}/goodbye`, key, { cause: 'shutdown' })).status,
  }
}
