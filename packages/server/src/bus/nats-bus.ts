// The bus of several replicas, over NATS. It carries hints, not truth: every transition is in the
// store with its place in the log, so what is lost while NATS is away is read there once it is back.
// That is why nothing is buffered for a server that is away, and why the start does not wait for it.

import type { Log } from '@muster/core/log.ts'
import { connect, type NatsConnection, type Subscription } from '@nats-io/transport-node'
import type { Wire } from '../cloudlink/ports.ts'
import type { Bus, Change, RecordedTransition } from '../presence/ports.ts'

const changesSubject = 'muster.changes'
const prefix = 'muster.'
/** Keeps a message far below the 1 MB that a NATS server takes. */
const transitionsPerMessage = 500
const manners = {
  name: 'muster',
  noEcho: true,
  maxReconnectAttempts: -1,
  reconnectTimeWait: 500,
  // A server that does not answer two of these is gone, however open its connection looks.
  pingInterval: 5_000,
  maxPingOut: 2,
  waitOnFirstConnect: true,
}

export function createNatsBus({ url, log }: { url: string; log: Log }): Bus & Wire {
  const receivers = new Set<(change: Change) => void>()
  const listeners = new Map<string, Set<(message: unknown) => void>>()
  let connection: NatsConnection | null = null
  let connected = false
  let stopped = false

  function deliver(change: Change): void {
    for (const receive of receivers) receive(change)
  }

  async function open(): Promise<void> {
    const opened = await connect({ servers: url, ...manners })
    if (stopped) return opened.close()
    // From here on whoever listens is heard, also while this is on its way.
    connection = opened
    const messages = opened.subscribe(changesSubject)
    for (const subject of listeners.keys()) void hear(opened, subject)
    await opened.flush()
    connected = true
    void receiveFrom(messages)
    void watch(opened)
    deliver({ kind: 'missed' })
  }

  async function receiveFrom(messages: Subscription): Promise<void> {
    for await (const message of messages) attempt(() => deliver(message.json<Change>()))
  }

  async function hear(opened: NatsConnection, subject: string): Promise<void> {
    for await (const message of opened.subscribe(prefix + subject))
      attempt(() => {
        for (const receive of listeners.get(subject) ?? []) receive(message.json())
      })
  }

  /** Of a message of another version of us, or of none, nothing is expected. */
  function attempt(take: () => void): void {
    try {
      take()
    } catch (error) {
      log.warn({ error }, 'what came over NATS could not be taken')
    }
  }

  async function watch(opened: NatsConnection): Promise<void> {
    for await (const { type } of opened.status()) {
      if (type !== 'disconnect' && type !== 'reconnect') continue
      connected = type === 'reconnect'
      log.warn({ connected }, connected ? 'NATS is back' : 'NATS is away; replicas hear less')
      if (connected) deliver({ kind: 'missed' })
    }
  }

  return {
    publish(change) {
      deliver(change)
      if (!connected) return
      for (const part of partsOf(change)) connection!.publish(changesSubject, JSON.stringify(part))
    },
    subscribe(receive) {
      receivers.add(receive)
      return () => receivers.delete(receive)
    },
    tell(subject, message) {
      if (connected) connection!.publish(prefix + subject, JSON.stringify(message))
      return connected
    },
    listen(subject, receive) {
      const known = listeners.get(subject)
      if (!known && connection) void hear(connection, subject)
      listeners.set(subject, (known ?? new Set()).add(receive))
      return () => listeners.get(subject)?.delete(receive)
    },
    async start() {
      open().catch((error) => log.warn({ error }, 'NATS cannot be used'))
    },
    async stop() {
      stopped = true
      receivers.clear()
      connected = false
      if (connection && !connection.isClosed()) await connection.drain().catch(() => undefined)
    },
  }
}

function partsOf(change: Change): Change[] {
  if (change.kind !== 'transitions') return [change]
  const parts: Change[] = []
  const all: readonly RecordedTransition[] = change.transitions
  for (let i = 0; i < all.length; i += transitionsPerMessage)
    parts.push({ kind: 'transitions', transitions: all.slice(i, i + transitionsPerMessage) })
  return parts
}
