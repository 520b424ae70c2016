// A way to the server that lets requests through and WebSockets not, as some corporate proxies do:
// heartbeats arrive over it, and no cloudlink is ever opened.

import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'

export type NarrowWay = AsyncDisposable & { url: string }

export async function openNarrowWay(serverUrl: string): Promise<NarrowWay> {
  const { hostname, port } = new URL(serverUrl)
  const relay = createServer((incoming, outgoing) => {
    const { method, url: path, headers } = incoming
    const { upgrade: _upgrade, ...kept } = headers
    const onward = request({ hostname, port, method, path, headers: kept }, (answer) => {
      outgoing.writeHead(answer.statusCode!, answer.headers)
      answer.pipe(outgoing)
    })
    onward.on('error', () => outgoing.destroy())
    incoming.pipe(onward)
  })
  await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve))
  relay.unref()
  return {
    url: `http://127.0.0.1:${(relay.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      relay.closeAllConnections()
      await new Promise((resolve) => relay.close(resolve))
    },
  }
}
