// A device gone wild, in a thread of its own: nonsense of every kind on several connections, as fast
// as it is answered. It says once that it has begun to be refused.

import { parentPort, workerData } from 'node:worker_threads'

const { url, uuid, key } = workerData as { url: string; uuid: string; key: string }
const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
const state = `${url}/device/v3/state`

const nonsense: [string, RequestInit][] = [
  [state, { method: 'PATCH', headers, body: '{' }],
  [state, { method: 'PATCH', headers, body: JSON.stringify({ [uuid]: { apps: 'none' } }) }],
  [state, { method: 'PATCH', headers, body: JSON.stringify({ 'somebody else': {} }) }],
  [state, { method: 'PATCH', headers, body: 'x'.repeat(2_000_000) }],
  [`${url}/device/v3/${uuid}/state`, { headers }],
  [`${url}/device/v3/${'0'.repeat(32)}/state`, { headers }],
  [`${url}/device/v1/${uuid}/goodbye`, { method: 'POST', headers, body: '[]' }],
]
const connections = 16

async function shout(which: number) {
  for (let i = which; ; i++) {
    const [address, request] = nonsense[i % nonsense.length]!
    await fetch(address, request).then(
      async (answer) => {
        await answer.arrayBuffer()
        if (answer.status === 429) parentPort!.postMessage('refused')
      },
      // The server hangs up on it, as it may.
      () => undefined,
    )
  }
}

for (let i = 0; i < connections; i++) void shout(i)
