// The least that Node can do with TLS: connections are accepted and kept. What links are held against.

import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:tls'

const [certPath, keyPath] = process.argv.slice(2) as [string, string]
const server = createServer(
  { cert: readFileSync(certPath), key: readFileSync(keyPath) },
  (socket) => void socket.on('error', () => undefined),
)
server.listen(0, '127.0.0.1', () =>
  console.log(`https://127.0.0.1:${(server.address() as AddressInfo).port}`),
)
