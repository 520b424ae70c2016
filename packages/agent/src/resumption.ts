// What a new TLS connection to the server costs, when there was one before. A handshake with the groups
// that resist a quantum computer carries some 2,300 bytes of keys, which is most of what a device behind a
// forgetful NAT sends in a month. A resumed session needs them no more: its keys are derived from those
// of the handshake before as well, so whoever recorded both would have to break that one too. So the
// first handshake is made with everything that OpenSSL offers, and those that resume it with one small
// group. Where the server does not take the session back, the next handshake is a whole one again.

import type { Agent } from 'node:https'
import type { TLSSocket } from 'node:tls'

/** A session of TLS 1.3 alone may be resumed so; naming no other version saves its ciphers, too. */
const lean = { ecdhCurve: 'X25519', minVersion: 'TLSv1.3' } as const

/** For the agent, which must not keep sessions itself: it would also resume one that began small. */
export const ownSessions = { maxCachedSessions: 0 } as const

/** Of an agent with `ownSessions`. */
export function resumeLeanly(agent: Agent): void {
  const connect = agent.createConnection
  let kept: { session: Buffer; version: string | null } | null = null
  agent.createConnection = (options, ...rest) => {
    const offered = kept
    // Until it has been taken back: a server that refuses it so is asked with everything next.
    kept = null
    const small = offered?.version === 'TLSv1.3' ? lean : {}
    const resuming = offered ? { ...options, session: offered.session, ...small } : options
    const socket = connect.call(agent, resuming, ...rest) as TLSSocket
    const isSound = () => offered === null || socket.isSessionReused()
    socket.once('secureConnect', () => {
      if (isSound()) kept ??= offered
    })
    socket.on('session', (session) => {
      if (isSound()) kept = { session, version: socket.getProtocol() }
    })
    return socket
  }
}
