// Actions: a row first, then the way to the device. One that has a link is sent the action at once, by
// whichever replica holds the link; else it goes with the answer to the next heartbeat. A row that was
// sent and not answered waits again and is sent again, until its deadline; the device does it once, so
// sending costs nothing but bytes. Whoever has something to say of an action says it to the row.
//
// Rejected: a queue beside the row (two truths), and asking the store with every heartbeat (the flag in
// the copy of the device tells whether there is anything to ask for).

import { randomBytes } from 'node:crypto'
import { type DeviceReach, obstacles, obstacleTo } from '@muster/core/action-availability.ts'
import {
  type ActionChannel,
  type ActionEvent,
  type ActionKind,
  type ActionOrder,
  type ActionReport,
  actionKinds,
  deadlineOf,
  defaultExpiryMs,
  maxActionsWaiting,
} from '@muster/core/actions.ts'
import type { Clock } from '@muster/core/clock.ts'
import { Refusal } from '@muster/core/errors.ts'
import { refuseFrozen } from '@muster/core/frozen.ts'
import type { Log } from '@muster/core/log.ts'
import { Deadlines } from './deadlines.ts'
import type { ActionStore, Carrier, Hints, Publisher, StoredAction } from './ports.ts'

export type ActionsDeps = {
  store: ActionStore
  carrier: Carrier
  hints: Hints
  publisher: Publisher
  clock: Clock
  log: Log
}

export type Asked = {
  deviceId: number
  kind: ActionKind
  service?: string | undefined
  expiresInMs?: number | undefined
  /** Who asks. */
  by: string
}

const queuedSubject = 'actions.queued'
/** Links that open together are looked after together. */
const gatherMs = 50
const batchSize = 200

export class Actions {
  readonly #deps: ActionsDeps
  readonly #deadlines
  #opened = new Set<string>()
  #end = () => {}
  #cancelGather = () => {}

  constructor(deps: ActionsDeps) {
    this.#deps = deps
    this.#deadlines = new Deadlines({ ...deps, act: (now) => this.#actOnDue(now) })
  }

  start(): void {
    const { hints } = this.#deps
    this.#end = hints.listen(queuedSubject, (uuids) => {
      if (!Array.isArray(uuids)) return
      void this.#send(uuids.filter((uuid) => this.#deps.carrier.has(uuid)))
    })
    this.#deadlines.start()
  }

  async stop(): Promise<void> {
    this.#end()
    this.#cancelGather()
    await this.#deadlines.stop()
  }

  /**
   * Queues it; durable when it resolves. Refuses with `device-frozen`, `action-unavailable` and
   * `too-many-actions`.
   */
  async request(asked: Asked, device: DeviceReach): Promise<StoredAction> {
    const { store, clock } = this.#deps
    const { deviceId, kind, service = null, expiresInMs = defaultExpiryMs, by } = asked
    if ((actionKinds[kind].takes === 'service') !== (service !== null))
      throw new Refusal(
        'invalid-request',
        `service: ${service ? 'not for' : 'missing for'} ${kind}`,
      )
    refuseFrozen(device)
    const obstacle = obstacleTo(kind, device)
    if (obstacle && obstacle !== 'queue-full')
      throw new Refusal('action-unavailable', obstacles[obstacle].title)
    const createdAt = clock.now()
    const expiresAt = createdAt + expiresInMs
    const id = newActionId(createdAt)
    const action = await store.insert(
      { id, deviceId, kind, service, by, createdAt, expiresAt },
      maxActionsWaiting,
    )
    if (!action) throw new Refusal('too-many-actions')
    this.#publish([action])
    this.#deadlines.expect(expiresAt)
    void this.#push([action.uuid])
    return action
  }

  /** Takes it back. Refuses with `action-begun` what the device has begun, or what has ended. */
  async cancel(id: string, by: string): Promise<StoredAction> {
    const at = this.#deps.clock.now()
    const [changed] = await this.#advance([{ id, event: { kind: 'cancelled', at, by } }])
    if (changed) return changed
    const action = await this.#deps.store.find(id)
    if (!action) throw new Refusal('action-not-found')
    if (action.state === 'cancelled') return action
    throw new Refusal('action-begun', `it is ${action.state}`)
  }

  find(id: string): Promise<StoredAction | null> {
    return this.#deps.store.find(id)
  }

  countOpen(deviceId: number): Promise<number> {
    return this.#deps.store.countOpen(deviceId)
  }

  /** What waits for the device, for the answer to its heartbeat. */
  async takeOrders(uuid: string): Promise<ActionOrder[]> {
    const { store, clock } = this.#deps
    const waiting = (await store.loadWaiting([uuid])).filter(({ frozen }) => !frozen)
    const now = clock.now()
    const orders = waiting.filter((action) => action.expiresAt > now)
    await this.#advance(orders.map(({ id }) => ({ id, event: sentBy('heartbeat', now) })))
    return orders.map((action) => orderOf(action, now))
  }

  /** What the device says of its actions; durable when it resolves. What is not its own is ignored. */
  async report(
    deviceId: number,
    reports: readonly ActionReport[],
    channel: ActionChannel,
  ): Promise<void> {
    const at = this.#deps.clock.now()
    await this.#advance(
      reports.map((report) => ({ id: report.id, deviceId, event: eventOf(report, at, channel) })),
    )
  }

  /** A link of the device has opened here: what waits for it is sent. */
  linked(uuid: string): void {
    if (this.#opened.size === 0)
      this.#cancelGather = this.#deps.clock.after(gatherMs, () => {
        const uuids = [...this.#opened]
        this.#opened = new Set()
        for (let i = 0; i < uuids.length; i += batchSize)
          void this.#send(uuids.slice(i, i + batchSize))
      })
    this.#opened.add(uuid)
  }

  /** Here where the links are here, and a hint to the others for the rest. */
  async #push(uuids: readonly string[]): Promise<void> {
    const { carrier, hints } = this.#deps
    const elsewhere = uuids.filter((uuid) => !carrier.has(uuid))
    if (elsewhere.length > 0) hints.tell(queuedSubject, elsewhere)
    await this.#send(uuids.filter((uuid) => carrier.has(uuid)))
  }

  /** Over the links that are here. One that fails is due again by itself. */
  async #send(uuids: readonly string[]): Promise<void> {
    if (uuids.length === 0) return
    const { store, carrier, clock, log } = this.#deps
    try {
      const all = await store.loadWaiting(uuids)
      const waiting = all.filter(({ state, frozen }) => state === 'queued' && !frozen)
      const now = clock.now()
      const byUuid = Map.groupBy(
        waiting.filter(({ expiresAt }) => expiresAt > now),
        ({ uuid }) => uuid,
      )
      const sent = [...byUuid].flatMap(([uuid, actions]) => {
        const orders = actions.map((action) => orderOf(action, now))
        return carrier.carry(uuid, orders) ? actions : []
      })
      await this.#advance(sent.map(({ id }) => ({ id, event: sentBy('cloudlink', now) })))
    } catch (error) {
      log.warn({ error }, 'actions could not be sent; they go with the next heartbeats')
    }
  }

  async #advance(changes: Parameters<ActionStore['advance']>[0]): Promise<StoredAction[]> {
    if (changes.length === 0) return []
    const changed = await this.#deps.store.advance(changes)
    this.#publish(changed)
    for (const action of changed) this.#deadlines.expect(dueAtOf(action))
    return changed
  }

  /** Some of what is due; whether there may be more. */
  async #actOnDue(now: number): Promise<boolean> {
    const { seen, changed } = await this.#deps.store.advanceDue(
      now,
      batchSize,
      (action, heardAt) =>
        now >= deadlineOf(action)
          ? { kind: 'overdue', at: now, contactAt: heardAt }
          : { kind: 'unanswered', at: now },
    )
    this.#publish(changed)
    const again = changed.filter(({ state }) => state === 'queued').map(({ uuid }) => uuid)
    await this.#push([...new Set(again)])
    return seen.length === batchSize
  }

  #publish(changed: readonly StoredAction[]): void {
    const { publisher } = this.#deps
    for (const { uuid, fleet, id, state } of changed)
      publisher.publish({ kind: 'action', uuid, fleet, id, state })
  }
}

const sentBy = (channel: ActionChannel, at: number): ActionEvent => ({ kind: 'sent', at, channel })
const dueAtOf = (action: StoredAction) => action.dueAt ?? Infinity

function orderOf({ id, kind, service, by, expiresAt }: StoredAction, now: number): ActionOrder {
  return { id, kind, ...(service === null ? {} : { service }), by, leftMs: expiresAt - now }
}

function eventOf(report: ActionReport, at: number, channel: ActionChannel): ActionEvent {
  const { state, code = null, text = '', proof = {} } = report
  if (state === 'running') return { kind: 'running', at, channel }
  return { kind: state, at, channel, result: { code, text, proof } }
}

/** A uuid of version 7: later ones sort after earlier ones. */
function newActionId(at: number): string {
  const random = randomBytes(10).toString('hex')
  const time = at.toString(16).padStart(12, '0')
  const variant = ((Number.parseInt(random[3]!, 16) & 3) | 8).toString(16)
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(0, 3)}-${variant}${random.slice(4, 7)}-${random.slice(7, 19)}`
}
