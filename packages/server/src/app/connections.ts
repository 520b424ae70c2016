// How long a quiet connection is kept. A device that polls every quarter of an hour saves a TLS
// handshake with each poll if its connection waits for it, which is most of its traffic in a month;
// but an idle TLS connection costs about 50 kB here. So connections are kept for long while there is
// room, and only a little longer than the default interval once there are many.

import type { Server } from 'node:http'

/** About 500 MB of idle TLS connections. */
const roomyCount = 10_000
/** Longer than the longest interval at which keeping a connection is cheaper than making one. */
const roomyMs = 20 * 60_000
/** Longer than the default interval of 60 s with its jitter. */
const crowdedMs = 75_000

export function keepConnections(server: Server): void {
  let count = 0
  const adjust = (change: number) => {
    count += change
    server.keepAliveTimeout = keepAliveMs(count)
  }
  adjust(0)
  server.on('connection', (socket) => {
    adjust(1)
    socket.once('close', () => adjust(-1))
  })
}

/** For how long, in ms, a connection may be quiet while there are so many. */
export function keepAliveMs(connectionCount: number): number {
  return connectionCount <= roomyCount ? roomyMs : crowdedMs
}
