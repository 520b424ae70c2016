// Presence: evidence in, transitions out; the only owner of status.
//
// Requests leave what they saw in memory and are answered at once. A loop then makes rounds: it writes
// what was heard, says in the store "all that I heard until now is durable", and only then judges the
// devices whose deadline has passed. With several replicas the horizon of that sentence is the
// earliest of theirs, so silence is never concluded before everybody who listens has said what they
// heard. A replica that dies takes at most its last unwritten heartbeats with it; the others see that
// its sentence has stopped and record that time as a gap, which is held against nobody. One process
// that is killed finds the same gap when it starts again. Rejected: a timer for each device (a
// restart loses them all), and a scan of all devices (late, and slow at a million).
//
// A plain heartbeat of a device whose standing it does not change is only a renewal: it moves one
// deadline, many are written in one statement, and nothing is judged.

import { Refusal } from '@muster/core/errors.ts'
import type { Observation } from '@muster/core/evidence.ts'
import type { Log } from '@muster/core/log.ts'
import type { AgentKind } from '@muster/core/policy.ts'
import type { Gap } from '@muster/core/silence.ts'
import {
  heardOnly,
  Intake,
  maxReportsWaiting,
  type Pending,
  type Renewing,
  type Report,
  toldMsOf,
} from './intake.ts'
import { certainCount, judgeDevice } from './judgement.ts'
import { createKnownDevices, opens } from './known-devices.ts'
import { LinkSweep } from './link-sweep.ts'
import { Listener } from './listener.ts'
import type {
  Bus,
  Change,
  Docket,
  Judgement,
  KnownDevice,
  PresenceStore,
  Recorded,
} from './ports.ts'
import { createRounds } from './rounds.ts'
import type { ServerClock } from './server-clock.ts'

export type PresenceDeps = {
  store: PresenceStore
  bus: Bus
  clock: ServerClock
  /** A name for this process in the record of listening. */
  replica: string
  log: Log
  /** Whether it is set up to have others beside it, of which it may not know yet. */
  isOneOfSeveral?: boolean
  /** A round is made at least this often; with several replicas the others wait for our word. */
  idleRoundMs?: number
  /** Heartbeats are gathered for so long before they are written: a kill loses at most these. */
  soonMs?: number
  /** Told which fleets have devices that became active: the allowance may be exceeded. */
  onActivated?: (fleetIds: readonly number[]) => void
}

/** Devices judged in one transaction: enough to be cheap each, few enough to hold nobody up. */
const batchSize = 2_000
const batchesPerRound = 5
const storeRetryAfterMs = 5_000
/** How soon the word of the other replicas is looked at again, when something waits for it. */
const horizonWaitMs = 50
/** Marks our copy of a device as out of date. */
const unknownVersion = -1

export function createPresence(deps: PresenceDeps): Presence {
  return new Presence(deps)
}

export class Presence {
  readonly stats = { heartbeats: 0, renewals: 0, judged: 0, transitions: 0, latenessMs: 0 }
  readonly #deps: PresenceDeps
  readonly #known
  readonly #listener
  readonly #rounds
  readonly #intake = new Intake()
  readonly #linkSweep
  #fleetsChanged = true
  #heardAt = 0
  #unsubscribe = () => {}

  constructor(deps: PresenceDeps) {
    const { store, clock, replica, log, idleRoundMs = 1_000, soonMs, isOneOfSeveral } = deps
    this.#deps = deps
    this.#known = createKnownDevices(store)
    this.#linkSweep = new LinkSweep(store)
    this.#listener = new Listener({ store, clock, replica, log, isOneOfSeveral })
    this.#rounds = createRounds({ clock, log, idleRoundMs, soonMs, round: () => this.#round() })
  }

  /** When we did not listen: what a verdict on any device needs beside its own evidence. */
  get gaps(): readonly Gap[] {
    return this.#listener.gaps
  }

  /** Whether other replicas listen too. */
  get isShared(): boolean {
    return this.#listener.isShared
  }

  get knownCount(): number {
    return this.#known.size
  }

  /** Whether rounds succeed; false: the store is away, or this process is not listening. */
  get ready(): boolean {
    return this.#rounds.healthy && !this.#listener.isOut
  }

  /** The latest instant at which any device was heard here. */
  get heardAt(): number {
    return this.#heardAt
  }

  /** Devices cannot reach this replica: until they do, it concludes nothing from their silence. */
  deafen(): void {
    this.#listener.deaf = true
  }

  /** Devices can reach this replica. */
  hear(): void {
    if (!this.#listener.deaf) return
    this.#listener.deaf = false
    this.#rounds.wantNow()
  }

  /**
   * The device that this key opens, if it was lately heard here; null: that is not certain, or we do
   * not reach the store that other replicas judge by. Then only the store can let the device in.
   */
  recall(uuid: string, keyHash: string): KnownDevice | null {
    if (this.#listener.isOut) return null
    const device = this.#known.find(uuid)
    return device && opens(device, keyHash, this.#deps.clock.now()) ? device : null
  }

  /** The device that this key opens, or null. Synchronous where the device is known. */
  admit(uuid: string, keyHash: string): KnownDevice | null | Promise<KnownDevice | null> {
    const { clock } = this.#deps
    // Perhaps our copy is older than the key: a refusal is only certain from the store.
    return (
      this.recall(uuid, keyHash) ??
      this.#known.load(uuid).then(
        (loaded) => (loaded && opens(loaded, keyHash, clock.now()) ? loaded : null),
        (error) => {
          this.#listener.noteRefused()
          throw error
        },
      )
    )
  }

  /** A poll by the device itself with its own valid key. Answered at once, durable soon after. */
  heartbeat(device: KnownDevice, keyHash: string, agent: AgentKind, address: string | null): void {
    const at = this.#hearNow()
    this.stats.heartbeats++
    if (this.#isPlain(device, agent, at)) {
      this.#intake.renew({ device, keyHash }, at, address)
      this.#rounds.wantSoon()
      return
    }
    const toldMs = toldMsOf(device)
    this.#intake.addHeartbeat({ device, keyHash }, { at, agent, address, toldMs })
    this.#rounds.wantNow()
  }

  /**
   * What a request of the device let us see. Resolves when it is durable, with the judgement, or with
   * null where the device or its key is gone meanwhile. Rejects with `store-unavailable`; then
   * nothing of it was taken but that the device was heard.
   */
  report(
    device: KnownDevice,
    keyHash: string,
    observe: (at: number) => Observation[],
  ): Promise<Judgement | null> {
    if (this.#intake.reportCount(device.deviceId) >= maxReportsWaiting) {
      const retry = { retryAfterMs: storeRetryAfterMs }
      throw new Refusal('too-many-requests', 'its earlier reports are not written yet', retry)
    }
    const at = this.#hearNow()
    return this.#wait(device.deviceId, { at, seen: observe(at), by: { device, keyHash } })
  }

  /** What a person did to a device. Resolves when it is durable; null: there is no such device. */
  note(deviceId: number, observe: (at: number) => Observation[]): Promise<Judgement | null> {
    const at = this.#deps.clock.now()
    return this.#wait(deviceId, { at, seen: observe(at) })
  }

  /** Judges devices of which the store has new facts. Those must have been marked as due. */
  async judge(deviceIds: readonly number[]): Promise<void> {
    await Promise.all(deviceIds.map((deviceId) => this.#wait(deviceId)))
  }

  /** Policy or freeze of a whole fleet has changed in the store: its devices are judged in turn. */
  judgeChangedFleet(fleetId: number, slug: string): void {
    this.#fleetsChanged = true
    this.#deps.bus.publish({ kind: 'fleet', fleetId, fleet: slug })
    this.#rounds.wantNow()
  }

  async start(): Promise<void> {
    await this.#listener.start()
    this.#unsubscribe = this.#deps.bus.subscribe((change) => this.#forget(change))
    this.#rounds.start()
  }

  /** Writes all that was heard, and leaves without anybody being blamed. */
  async stop(): Promise<void> {
    this.#unsubscribe()
    // Nothing is heard any more, however long the last writes take; and what they could not take,
    // because another replica has yet to give its word, is not durable.
    const heardAt = this.#deps.clock.now() - 1
    if (await this.#rounds.stop())
      await this.#listener.stop(Math.min(heardAt, this.#intake.firstPendingAt() - 1))
    else this.#listener.abandon()
  }

  /** As a killed process stops: nothing more is written. For the simulator. */
  async abandon(): Promise<void> {
    this.#unsubscribe()
    this.#listener.abandon()
    await this.#rounds.abandon()
  }

  /** Whoever is heard has reached us. */
  #hearNow(): number {
    this.#heardAt = this.#deps.clock.now()
    this.hear()
    return this.#heardAt
  }

  #forget(change: Change): void {
    if (change.kind === 'device') this.#known.forget(change.uuid)
    if (change.kind === 'action' && change.state === 'queued')
      this.#known.expectActions(change.uuid)
    if (change.kind === 'fleet') this.#known.forgetFleet(change.fleetId)
  }

  #isPlain(device: KnownDevice, agent: AgentKind, at: number): boolean {
    return (
      device.renewMs !== null &&
      device.dueAt !== null &&
      at <= device.dueAt &&
      device.agent === agent &&
      !this.#intake.isPending(device.deviceId)
    )
  }

  #wait(deviceId: number, report?: Report): Promise<Judgement | null> {
    const judged = this.#intake.addWaiting(deviceId, report)
    this.#rounds.wantNow()
    return judged
  }

  /** One round; answers when the next is due, or null. */
  async #round(): Promise<number | null> {
    const { store, clock } = this.#deps
    // Requests stamped in this very millisecond may still come: the one before is over.
    const heardAt = clock.now() - 1
    this.#listener.beginRound()
    await this.#listener.catchUp()
    await this.#writeRenewals()
    await this.#judgePending(this.#listener.horizonAt)
    // What had to be put back is not durable yet, so our word must not cover it.
    const wordAt = Math.min(heardAt, this.#intake.firstPendingAt() - 1)
    const horizonAt = await this.#listener.keep(wordAt)
    if (this.#fleetsChanged) this.#fleetsChanged = await store.markChangedFleets(batchSize)
    const moreLinks = await this.#linkSweep.step(this.#listener.gaps)
    const more = (await this.#judgeDue(horizonAt)) || moreLinks
    const nextAt = more || this.#fleetsChanged ? heardAt : await store.loadNextDue(horizonAt)
    this.#listener.endRound()
    if (this.#listener.deaf) return null
    // What is due beyond the horizon waits for the word of the others.
    const nextHorizonAt = horizonAt < wordAt ? clock.now() + horizonWaitMs : 0
    return nextAt && Math.max(nextAt, nextHorizonAt)
  }

  async #writeRenewals(): Promise<void> {
    const batch = this.#intake.takeRenewals()
    if (batch.size === 0) return
    try {
      const changed = await this.#deps.store.renew([...batch.values()])
      this.stats.renewals += batch.size - changed.length
      for (const deviceId of changed) this.#doubt(batch.get(deviceId)!)
    } catch (error) {
      this.#intake.putBackRenewals(batch)
      throw error
    }
  }

  /** Something happened to the device that our copy did not know: its heartbeat must be judged. */
  #doubt({ by, sinceAt, heartbeatAt, address, toldMs }: Renewing): void {
    by.device.version = unknownVersion
    const agent = by.device.agent!
    for (const at of new Set([sinceAt, heartbeatAt]))
      this.#intake.addHeartbeat(by, { at, agent, address, toldMs })
  }

  async #judgePending(horizonAt: number): Promise<void> {
    const batch = this.#intake.takePending()
    if (batch.size === 0) return
    try {
      await this.#refreshDoubted(batch)
      const ids = [...batch.keys()]
      for (let i = 0; i < ids.length; i += batchSize) {
        const part = new Map(ids.slice(i, i + batchSize).map((id) => [id, batch.get(id)!]))
        await this.#judgeReports(part, horizonAt)
        for (const id of part.keys()) batch.delete(id)
      }
    } catch (error) {
      this.#refuse(batch)
      throw error
    }
  }

  /** Where our copy is out of date, the key is checked once more before its request counts as life. */
  async #refreshDoubted(batch: Map<number, Pending>): Promise<void> {
    const doubted = [...batch.values()].filter(({ reports }) =>
      reports.some(({ by }) => by?.device.version === unknownVersion),
    )
    const refresh = async (entry: Pending) => {
      const { uuid } = entry.reports.find(({ by }) => by)!.by!.device
      const fresh = await this.#known.load(uuid)
      entry.reports = entry.reports.filter(({ at, by }) => {
        if (!by) return true
        if (!fresh || !opens(fresh, by.keyHash, at)) return false
        by.device = fresh
        return true
      })
    }
    await Promise.all(doubted.map(refresh))
  }

  async #judgeReports(part: Map<number, Pending>, horizonAt: number): Promise<void> {
    const { gaps } = this.#listener
    const later = new Map<number, Report[]>()
    const recorded = await this.#deps.store.judge({ deviceIds: [...part.keys()] }, (dockets) =>
      dockets.flatMap((docket) => {
        const reports = part.get(docket.deviceId)!.reports.toSorted((a, b) => a.at - b.at)
        const count = isDoubtful(docket, reports)
          ? 0
          : certainCount(docket, reports, horizonAt, gaps)
        if (count < reports.length) later.set(docket.deviceId, reports.slice(count))
        if (count === 0 && reports.length > 0) return []
        return [judgeDevice(docket, reports.slice(0, count), horizonAt, gaps)]
      }),
    )
    this.#conclude(recorded)
    this.#answer(part, recorded, later)
  }

  /** Those who waited get the judgement; null: their device is gone. Some must wait on. */
  #answer(
    part: Map<number, Pending>,
    { judgements }: Recorded,
    later: Map<number, Report[]>,
  ): void {
    const judged = new Map(judgements.map((judgement) => [judgement.docket.deviceId, judgement]))
    for (const [deviceId, { waiting }] of part) {
      const reports = later.get(deviceId)
      if (reports) this.#intake.putBack(deviceId, { reports, waiting })
      else for (const { resolve } of waiting) resolve(judged.get(deviceId) ?? null)
    }
    if (later.size > 0) this.#rounds.wantNow()
  }

  /** The store failed: requests that wait are refused, but that their devices were heard is kept. */
  #refuse(batch: Map<number, Pending>): void {
    const detail = 'the write could not be made durable'
    const refusal = new Refusal('store-unavailable', detail, { retryAfterMs: storeRetryAfterMs })
    for (const [deviceId, { reports, waiting }] of batch) {
      for (const { reject } of waiting) reject(refusal)
      const heard = heardOnly(reports)
      if (heard.length > 0) this.#intake.putBack(deviceId, { reports: heard, waiting: [] })
    }
  }

  /** Whether there is more to judge than one round may take. */
  async #judgeDue(horizonAt: number): Promise<boolean> {
    const { gaps } = this.#listener
    for (let i = 0; i < batchesPerRound; i++) {
      const due = { dueUntil: horizonAt, limit: batchSize }
      const recorded = await this.#deps.store.judge(due, (dockets) =>
        dockets.map((docket) => judgeDevice(docket, [], horizonAt, gaps)),
      )
      this.#conclude(recorded)
      if (recorded.judgements.length < batchSize) return false
    }
    return true
  }

  /** After the commit: our copies follow, and whoever watches is told. */
  #conclude({ judgements, transitions }: Recorded): void {
    const { bus, clock, onActivated } = this.#deps
    const activatedIn = new Set<number>()
    for (const judgement of judgements) {
      const { docket, standing, active } = judgement
      const { uuid, fleetId, fleetSlug: fleet, dueAt } = docket
      const device = this.#known.find(uuid)
      if (device) follow(device, judgement)
      if (dueAt && judgement.transitions.length > 0)
        this.stats.latenessMs = Math.max(this.stats.latenessMs, clock.now() - dueAt)
      if (active && !docket.active) activatedIn.add(fleetId)
      if (judgement.transitions.length === 0 && standing.progress !== docket.standing.progress)
        bus.publish({ kind: 'progress', uuid, fleet, progress: standing.progress })
    }
    this.stats.judged += judgements.length
    this.stats.transitions += transitions.length
    if (transitions.length > 0) bus.publish({ kind: 'transitions', transitions })
    if (activatedIn.size > 0) onActivated?.([...activatedIn])
  }
}

/** Whether the key of a request was checked against a copy that the store has since overtaken. */
function isDoubtful({ version }: Docket, reports: readonly Report[]): boolean {
  const doubted = reports.filter(({ by }) => by && by.device.version !== version)
  for (const { by } of doubted) by!.device.version = unknownVersion
  return doubted.length > 0
}

/** Our copy follows what was judged; where it was out of date before, only in what holds at once. */
function follow(device: KnownDevice, judgement: Judgement): void {
  const { docket, evidence, dueAt, renewMs, capAt, frozen } = judgement
  if (device.version < docket.version) device.frozen = frozen
  if (device.version !== docket.version) return
  device.version = docket.version + 1
  device.frozen = frozen
  device.agent = evidence.heartbeat?.agent ?? null
  device.renewMs = renewMs
  device.capAt = capAt
  device.dueAt = dueAt
}
