// What tests of cloudlink share: links on a clock that moves only when told to, with presence, a store
// and a wire that are real, and lines whose other end is in the test.

import { createVirtualClock, type VirtualClock } from '@muster/core/virtual-clock.ts'
import { createMemoryBus } from '../bus/memory-bus.ts'
import { insertDevice, insertFleet, noon, silentLog, type TestDevice } from '../fixtures.ts'
import type { Change } from '../presence/ports.ts'
import { createPresence, type Presence } from '../presence/presence.ts'
import { type Database, openDatabase } from '../store/database.ts'
import { createEpochStore } from '../store/link-store.ts'
import { createPresenceStore } from '../store/presence-store.ts'
import { Links } from './links.ts'
import type { Line, Wire } from './ports.ts'

export const keepaliveMs = 60_000
/** Past the grace of a link, and short of its keepalive. */
export const graceMs = 10_000

/** The device's end of a line, as the test holds it. */
export type End = {
  /** What the server said, in order: messages, `ask`, and `close REASON`. */
  readonly heard: string[]
  /** Whether it answers when it is asked whether it lives. */
  answers: boolean
  hello(instance?: string): Promise<void>
  say(text: string): Promise<void>
  breakOff(): Promise<void>
  readonly epoch: number
  readonly isOpen: boolean
}

export type Replica = { presence: Presence; links: Links; connect(device: TestDevice): End }

export type LinkHouse = Awaited<ReturnType<typeof openLinkHouse>>

async function settle(): Promise<void> {
  for (let i = 0; i < 4; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** Replicas over one database, bus and clock, and one fleet whose policy asks for cloudlink. */
export async function openLinkHouse({
  replicaCount = 1,
  wire,
}: {
  replicaCount?: number
  wire?: Wire
} = {}) {
  const database: Database = await openDatabase({ kind: 'memory' })
  const policy = { cloudlinkEnabled: true, cloudlinkKeepaliveMs: keepaliveMs }
  const fleetId = await insertFleet(database, { policy })
  const clock: VirtualClock = createVirtualClock(noon, settle)
  const bus = createMemoryBus()
  const changes: Change[] = []
  bus.subscribe((change) => changes.push(change))
  let devices = 0
  const replicas: Replica[] = []

  function openReplica(): Replica {
    const replica = `replica-${replicas.length}`
    const log = silentLog
    const store = createPresenceStore(database)
    const presence = createPresence({ store, bus, clock, replica, log })
    const epochs = createEpochStore(database)
    const links = new Links({
      witness: presence,
      epochs,
      wire: wire ?? bus,
      changes: bus,
      clock,
      random: () => 0.5,
      replica,
      log,
    })
    return { presence, links, connect: (device) => connect(links, device) }
  }

  for (let i = 0; i < replicaCount; i++) {
    const replica = openReplica()
    replicas.push(replica)
    await replica.presence.start()
    replica.links.start()
  }
  return {
    database,
    clock,
    bus,
    changes,
    replicas,
    first: replicas[0]!,
    fleetId,

    /** A device that beats; of its status only cloudlink changes then. */
    async addDevice(): Promise<TestDevice> {
      const device = await insertDevice(database, { fleetId, number: ++devices, at: clock.now() })
      const { presence } = replicas[0]!
      const known = await Promise.resolve(presence.admit(device.uuid, device.keyHash))
      presence.heartbeat(known!, device.keyHash, 'muster', '192.0.2.1')
      await clock.run(50)
      return device
    },

    /** As the store has it. */
    async cloudlinkOf({ deviceId }: TestDevice) {
      const row = await database.write
        .selectFrom('devices')
        .select(['cloudlink_state', 'reason_codes', 'evidence'])
        .where('id', '=', deviceId)
        .executeTakeFirstOrThrow()
      const { cloudlink } = JSON.parse(row.evidence)
      return { state: row.cloudlink_state, reasons: row.reason_codes, link: cloudlink ?? null }
    },

    async [Symbol.asyncDispose]() {
      for (const { links, presence } of replicas) {
        links.abandon()
        await presence.abandon()
      }
      await database.close()
    },
  }
}

function connect(links: Links, { deviceId, uuid, keyHash }: TestDevice): End {
  const heard: string[] = []
  let isOpen = true
  const line: Line = {
    send: (text) => void heard.push(text),
    ping: (nonce) => {
      heard.push('ask')
      if (end.answers && isOpen) queueMicrotask(() => events.answered(nonce))
    },
    close: (_code, reason) => {
      heard.push(`close ${reason}`)
      if (!isOpen) return
      isOpen = false
      queueMicrotask(() => events.closed())
    },
  }
  const events = links.greet({ deviceId, uuid, keyHash, address: '192.0.2.1', line })
  const end: End = {
    heard,
    answers: true,
    async hello(instance = 'instance-1') {
      await end.say(JSON.stringify({ type: 'hello', instance }))
    },
    async say(text) {
      events.said(text)
      await settle()
    },
    async breakOff() {
      if (isOpen) events.closed()
      isOpen = false
      await settle()
    },
    get epoch() {
      const welcome = heard.find((text) => text.includes('"welcome"'))
      return welcome === undefined ? 0 : JSON.parse(welcome).epoch
    },
    get isOpen() {
      return isOpen
    },
  }
  return end
}
