// What runs on a device in the stories about streams: an echo that answers once it has been sent all, on
// the first port, and a page with a WebSocket on the second. A program of its own, to be run within the
// network of the device.

import { createServer as createPage } from 'node:http'
import { createServer, type Socket } from 'node:net'
import { WebSocketServer } from 'ws'

const [echoPort, pagePort] = process.argv.slice(2).map(Number)

createServer({ allowHalfOpen: true }, (socket: Socket) => {
  const parts: Buffer[] = []
  socket.on('error', () => socket.destroy())
  socket.on('data', (part: Buffer) => parts.push(part))
  socket.on('end', () => socket.end(Buffer.concat(parts)))
}).listen(echoPort, '127.0.0.1')

const page = createPage((incoming, answer) =>
  answer.end(`the page ${incoming.url} with ${incoming.headers.authorization ?? 'no token'}`),
)
new WebSocketServer({ server: page }).on('connection', (socket) =>
  socket.on('message', (data) => socket.send(data)),
)
page.listen(pagePort, '127.0.0.1', () => console.log('programs are there'))
