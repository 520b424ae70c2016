// The least that Node can do: any request is answered 304 with an ETag. What heartbeats are held against.

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

const server = createServer((_request, response) => {
  response.writeHead(304, { etag: '"0123456789"' })
  response.end()
})
server.keepAliveTimeout = 75_000
server.listen(0, '127.0.0.1', () =>
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
)
