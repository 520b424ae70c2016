// A firewall between an agent and its server that tells the link from everything else: either can be
// shut, what is open of it is cut at once, and the other goes on.

import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

type Way = 'link' | 'api'

export async function openGate(port: number) {
  const open = new Map<Socket, Way>()
  const shut = new Set<Way>()
  const server = createServer((outer) => {
    outer.on('error', () => outer.destroy())
    outer.once('data', (first: Buffer) => {
      const way: Way = first.includes(' /cloudlink/') ? 'link' : 'api'
      if (shut.has(way)) return void outer.destroy()
      const inner = connect({ port, host: '127.0.0.1' })
      open.set(outer, way)
      inner.on('error', () => outer.destroy())
      inner.once('close', () => outer.destroy())
      outer.once('close', () => {
        open.delete(outer)
        inner.destroy()
      })
      inner.write(first)
      outer.pipe(inner).pipe(outer)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    shut(way: Way) {
      shut.add(way)
      for (const [socket, its] of open) if (its === way) socket.destroy()
    },
    async [Symbol.asyncDispose]() {
      for (const socket of open.keys()) socket.destroy()
      server.close()
    },
  }
}
