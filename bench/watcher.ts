// A watcher on the live stream, as a dashboard is one: it notes when each transition has arrived, and
// resumes where it was when it has been cut off.

import { get } from 'node:http'
import { adminToken } from './server-process.ts'

export type Seen = { id: number; uuid: string; at: number; to: string; seenAt: number }

export async function openWatcher(url: string) {
  const waiting = new Set<{ wanted: (seen: Seen) => boolean; resolve: (seen: Seen) => void }>()
  const opened = Promise.withResolvers<void>()
  let lastId = ''
  let cutOffCount = -1
  let closed = false
  let close = () => {}

  function connect(): void {
    if (closed) return
    cutOffCount++
    const headers = {
      authorization: `Bearer ${adminToken}`,
      ...(lastId === '' ? {} : { 'last-event-id': lastId }),
    }
    const request = get(`${url}/api/v1/stream`, { headers, agent: false }, (response) => {
      opened.resolve()
      let rest = ''
      response.setEncoding('utf8')
      response.on('data', (text: string) => {
        const blocks = (rest + text).split('\n\n')
        rest = blocks.pop()!
        for (const block of blocks) take(block)
      })
      response.on('close', () => setTimeout(connect, 100))
      response.on('error', () => undefined)
    })
    request.on('error', opened.reject)
    close = () => request.destroy()
  }

  function take(block: string): void {
    const id = /^id: (\d+)$/m.exec(block)
    if (id) lastId = id[1]!
    if (!block.startsWith('event: transition')) return
    const { uuid, at, to } = JSON.parse(/^data: (.*)$/m.exec(block)![1]!)
    const seen = { id: Number(lastId), uuid, at, to, seenAt: Date.now() }
    for (const one of waiting) {
      if (!one.wanted(seen)) continue
      waiting.delete(one)
      one.resolve(seen)
    }
  }

  connect()
  await opened.promise
  return {
    get cutOffCount() {
      return cutOffCount
    },
    /** The first from now on that `wanted` says yes to. */
    see(wanted: (seen: Seen) => boolean): Promise<Seen> {
      return new Promise((resolve) => waiting.add({ wanted, resolve }))
    },
    [Symbol.dispose]() {
      closed = true
      close()
    },
  }
}
