// Requests as light as Node makes them, for timing: one agent with kept connections, no client library.

import { Agent, type IncomingHttpHeaders, request } from 'node:http'

export type Answer = { status: number; headers: IncomingHttpHeaders; body: string }

const kept = new Agent({ keepAlive: true, maxSockets: 64 })

export function ask(
  url: string,
  headers: Record<string, string> = {},
  { method = 'GET', body = undefined as string | undefined, agent = kept } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, agent }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (part) => {
        text += part
      })
      response.on('end', () =>
        resolve({ status: response.statusCode!, headers: response.headers, body: text }),
      )
      response.on('error', reject)
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

/** How long `work` took, in ms. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  await work()
  return performance.now() - startedAt
}

/** Runs over `items` with so many at once. */
export async function eachOf<T>(
  items: readonly T[],
  atOnce: number,
  run: (item: T, index: number) => Promise<unknown>,
): Promise<void> {
  let next = 0
  const worker = async () => {
    while (next < items.length) {
      const index = next++
      await run(items[index]!, index)
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker))
}

export const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))
