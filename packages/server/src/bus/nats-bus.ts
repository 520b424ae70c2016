// The bus of several replicas, over NATS. It carries hints, not truth: every transition is in the
// store with its place in the log, so what is lost while NATS is away is read there once it is back.
// That is why nothing is buffered for a server that is away, and why the start does not wait for it.

import type { Log } from '@muster/core/log.ts'
import { connect, type NatsConnection, type Subscription } from '@nats-io/transport-node'
import type { Bus, Change, RecordedTransition } from '../presence/ports.ts'

const subject = 'muster.changes'
/** Keeps a message far below the 1 MB that a NATS server takes. */
const transitionsPerMessage = 500

export function createNatsBus({ url, log }: { url: string; log: Log }): Bus {
  const receivers = new Set<(change: Change) => void>()
  let connection: NatsConnection | null = null
  let connected = false
  let stopped = false

  function deliver(change: Change): void {
    for (const receive of receivers) receive(change)
  }

  async function open(): Promise<void> {
    const opened = await connect({
      servers: url,
      name: 'muster',
      noEcho: true,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 500,
      waitOnFirstConnect: true,
    })
    if (stopped) return opened.close()
    const messages = opened.subscribe(subject)
    await opened.flush()
    connection = opened
    connected = true
    void receiveFrom(messages)
    void watch(opened)
    deliver({ kind: 'missed' })
  }

  async function receiveFrom(messages: Subscription): Promise<void> {
    for await (const message of messages) deliver(message.json<Change>())
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
      for (const part of partsOf(change)) connection!.publish(subject, JSON.stringify(part))
    },
    subscribe(receive) {
      receivers.add(receive)
      return () => receivers.delete(receive)
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
