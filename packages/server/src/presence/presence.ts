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
import type { AgentKind } from '@muster/core/policy.ts'
import type { Gap } from '@muster/core/silence.ts'
import { judgeDevice, mustWait, type Sighting } from './judgement.ts'
import { createKnownDevices, opens } from './known-devices.ts'
import { createListener } from './listener.ts'
import type {
  Bus,
  Docket,
  Judgement,
  KnownDevice,
  PresenceStore,
  Recorded,
  Renewal,
} from './ports.ts'
import { createRounds } from './rounds.ts'
import type { ServerClock } from './server-clock.ts'

export type Log = Record<'info' | 'warn', (details: object, message: string) => void>

export type PresenceDeps = {
  store: PresenceStore
  bus: Bus
  clock: ServerClock
  /** A name for this process in the record of listening. */
  replica: string
  log: Log
  /** A round is made at least this often; with several replicas the others wait for our word. */
  idleRoundMs?: number
  /** Told which fleets have devices that became active: the allowance may be exceeded. */
  onActivated?: (fleetIds: readonly number[]) => void
}

/** The latest plain heartbeat of a device, as it was judged to be plain. */
type Renewing = Renewal & { device: KnownDevice; keyHash: string }

/** A sighting on its way to a judgement; of a request it remembers who vouched for it. */
type Report = Sighting & { by?: { device: KnownDevice; keyHash: string } }

type Pending = { reports: Report[]; waiting: PromiseWithResolvers<Judgement | null>[] }

/** What cannot be written waits; more than this of one device is refused, or its latest counts. */
const maxReportsWaiting = 32
/** Devices judged in one transaction: enough to be cheap each, few enough to hold nobody up. */
const batchSize = 2_000
const batchesPerRound = 5
const storeRetryAfterMs = 5_000
/** Marks a copy as out of date. */
const unknownVersion = -1

export type Presence = ReturnType<typeof createPresence>

export function createPresence(deps: PresenceDeps) {
  const { store, bus, clock, replica, log, onActivated, idleRoundMs = 1_000 } = deps
  const known = createKnownDevices(store)
  const listener = createListener({ store, clock, replica, log })
  const rounds = createRounds({ clock, log, round, idleRoundMs })
  let renewals = new Map<number, Renewing>()
  let pending = new Map<number, Pending>()
  let fleetsChanged = true
  let unsubscribe = () => {}
  const stats = { heartbeats: 0, renewals: 0, judged: 0, transitions: 0, latenessMs: 0 }

  /** The device that this key opens, or null. Synchronous where the device is known. */
  function admit(uuid: string, keyHash: string): KnownDevice | null | Promise<KnownDevice | null> {
    const device = known.find(uuid)
    if (device && opens(device, keyHash, clock.now())) return device
    // Perhaps the copy is older than the key: a refusal is only certain from the store.
    return known
      .load(uuid)
      .then((loaded) => (loaded && opens(loaded, keyHash, clock.now()) ? loaded : null))
  }

  /** A poll by the device itself with its own valid key. Answered at once, durable soon after. */
  function heartbeat(
    device: KnownDevice,
    keyHash: string,
    agent: AgentKind,
    address: string | null,
  ): void {
    const at = clock.now()
    stats.heartbeats++
    if (isPlain(device, agent, at)) {
      renew(device, keyHash, at, address)
      rounds.wantSoon()
      return
    }
    const toldMs = device.policy.heartbeatIntervalMs
    enqueueHeartbeat({ device, keyHash, heartbeatAt: at, agent, address, toldMs })
    rounds.wantNow()
  }

  function isPlain(device: KnownDevice, agent: AgentKind, at: number): boolean {
    return (
      device.renewMs !== null &&
      device.dueAt !== null &&
      at <= device.dueAt &&
      device.agent === agent &&
      !pending.has(device.deviceId)
    )
  }

  function renew(device: KnownDevice, keyHash: string, at: number, address: string | null): void {
    const { deviceId, version, renewMs, capAt, policy } = device
    device.dueAt = Math.min(at + renewMs!, capAt ?? Infinity)
    renewals.set(deviceId, {
      deviceId,
      version,
      heartbeatAt: at,
      dueAt: device.dueAt,
      toldMs: policy.heartbeatIntervalMs,
      address,
      device,
      keyHash,
    })
  }

  function enqueueHeartbeat(
    beat: Pick<Renewing, 'device' | 'keyHash' | 'heartbeatAt' | 'address' | 'toldMs'> & {
      agent: AgentKind
    },
  ): void {
    const { device, keyHash, heartbeatAt: at, agent, address, toldMs } = beat
    const seen: Observation[] = [{ kind: 'heartbeat', at, agent, address, intervalMs: toldMs }]
    const { reports } = enqueue(device.deviceId)
    // The store has been away for long: of the heartbeats that wait, the latest is enough.
    if (reports.length >= maxReportsWaiting)
      reports.splice(-1, isHeartbeat(reports.at(-1)!) ? 1 : 0)
    if (reports.length < maxReportsWaiting) reports.push({ at, seen, by: { device, keyHash } })
  }

  /**
   * What a request of the device let us see. Resolves when it is durable, with the judgement, or with
   * null where the device or its key is gone meanwhile. Rejects with `store-unavailable`; then
   * nothing of it was taken but that the device was heard.
   */
  function report(
    device: KnownDevice,
    keyHash: string,
    observe: (at: number) => Observation[],
  ): Promise<Judgement | null> {
    if ((pending.get(device.deviceId)?.reports.length ?? 0) >= maxReportsWaiting)
      throw new Refusal('too-many-requests', 'its earlier reports are not written yet', {
        retryAfterMs: storeRetryAfterMs,
      })
    const at = clock.now()
    return waitFor(device.deviceId, { at, seen: observe(at), by: { device, keyHash } })
  }

  /** What a person did to a device. Resolves when it is durable; null: there is no such device. */
  function note(
    deviceId: number,
    observe: (at: number) => Observation[],
  ): Promise<Judgement | null> {
    const at = clock.now()
    return waitFor(deviceId, { at, seen: observe(at) })
  }

  /** Judges devices of which the store has new facts. Those must have been marked as due. */
  async function judge(deviceIds: readonly number[]): Promise<void> {
    await Promise.all(deviceIds.map((deviceId) => waitFor(deviceId)))
  }

  /** Policy or freeze of whole fleets has changed in the store: their devices are judged in turn. */
  function judgeChangedFleets(): void {
    fleetsChanged = true
    rounds.wantNow()
  }

  function waitFor(deviceId: number, report?: Report): Promise<Judgement | null> {
    const waiting = Promise.withResolvers<Judgement | null>()
    enqueue(deviceId, report).waiting.push(waiting)
    rounds.wantNow()
    return waiting.promise
  }

  function enqueue(deviceId: number, report?: Report): Pending {
    let entry = pending.get(deviceId)
    if (!entry) {
      entry = { reports: [], waiting: [] }
      pending.set(deviceId, entry)
    }
    if (report) entry.reports.push(report)
    return entry
  }

  async function round(): Promise<number | null> {
    // Requests stamped in this very millisecond may still come: the one before is over.
    const heardAt = clock.now() - 1
    listener.noticeStall()
    await renewAll()
    await judgePending(listener.horizonAt(heardAt))
    const horizonAt = await listener.keep(Math.min(heardAt, firstPendingAt() - 1))
    if (fleetsChanged) fleetsChanged = await store.markChangedFleets(batchSize)
    const more = await judgeDue(horizonAt)
    if (more || fleetsChanged) return heardAt
    return store.loadNextDue(horizonAt)
  }

  /** What had to be put back is not durable yet, so our word must not cover it. */
  function firstPendingAt(): number {
    let firstAt = Infinity
    for (const { reports } of pending.values())
      for (const { at } of reports) firstAt = Math.min(firstAt, at)
    return firstAt
  }

  async function renewAll(): Promise<void> {
    const batch = renewals
    if (batch.size === 0) return
    renewals = new Map()
    try {
      const changed = await store.renew([...batch.values()])
      stats.renewals += batch.size - changed.length
      for (const deviceId of changed) doubt(batch.get(deviceId)!)
    } catch (error) {
      for (const [id, entry] of batch) if (!renewals.has(id)) renewals.set(id, entry)
      throw error
    }
  }

  /** Something happened to the device that our copy does not know: its heartbeat must be judged. */
  function doubt(renewal: Renewing): void {
    renewal.device.version = unknownVersion
    enqueueHeartbeat({ ...renewal, agent: renewal.device.agent! })
  }

  async function judgePending(horizonAt: number): Promise<void> {
    const batch = pending
    if (batch.size === 0) return
    pending = new Map()
    await refreshDoubted(batch).catch((error) => refuse(batch, error))
    const ids = [...batch.keys()]
    for (let i = 0; i < ids.length; i += batchSize) {
      const part = new Map(ids.slice(i, i + batchSize).map((id) => [id, batch.get(id)!]))
      try {
        await judgeReports(part, horizonAt)
      } catch (error) {
        for (const id of ids.slice(i + batchSize)) part.set(id, batch.get(id)!)
        refuse(part, error)
      }
    }
  }

  /** Where our copy is out of date, the key is checked once more before its request counts as life. */
  async function refreshDoubted(batch: Map<number, Pending>): Promise<void> {
    const doubted = [...batch.values()].filter(({ reports }) =>
      reports.some(({ by }) => by?.device.version === unknownVersion),
    )
    await Promise.all(
      doubted.map(async (entry) => {
        const uuid = entry.reports.find(({ by }) => by)!.by!.device.uuid
        const fresh = await known.load(uuid)
        entry.reports = entry.reports.filter(({ at, by }) => {
          if (!by) return true
          if (!fresh || !opens(fresh, by.keyHash, at)) return false
          by.device = fresh
          return true
        })
      }),
    )
  }

  async function judgeReports(part: Map<number, Pending>, horizonAt: number): Promise<void> {
    const later: number[] = []
    const decide = (docket: Docket): Judgement[] => {
      const entry = part.get(docket.deviceId)!
      const sightings = entry.reports.toSorted((a, b) => a.at - b.at)
      if (isDoubtful(docket, sightings) || mustWait(docket, sightings, horizonAt, listener.gaps)) {
        later.push(docket.deviceId)
        return []
      }
      return [judgeDevice(docket, sightings, horizonAt, listener.gaps)]
    }
    const recorded = await store.judge({ deviceIds: [...part.keys()] }, (dockets) =>
      dockets.flatMap(decide),
    )
    conclude(recorded)
    for (const deviceId of later) {
      putBack(deviceId, part.get(deviceId)!)
      part.delete(deviceId)
    }
    for (const judgement of recorded.judgements) {
      for (const { resolve } of part.get(judgement.docket.deviceId)!.waiting) resolve(judgement)
      part.delete(judgement.docket.deviceId)
    }
    for (const { waiting } of part.values()) for (const { resolve } of waiting) resolve(null)
  }

  function isDoubtful(docket: Docket, reports: readonly Report[]): boolean {
    let doubtful = false
    for (const { by } of reports)
      if (by && by.device.version !== docket.version) {
        by.device.version = unknownVersion
        doubtful = true
      }
    return doubtful
  }

  /** The store failed: requests that wait are refused, but that their devices were heard is kept. */
  function refuse(batch: Map<number, Pending>, error: unknown): never {
    const detail = 'the write could not be made durable'
    const refusal = new Refusal('store-unavailable', detail, { retryAfterMs: storeRetryAfterMs })
    for (const [deviceId, { reports, waiting }] of batch) {
      for (const { reject } of waiting) reject(refusal)
      const heard = reports.flatMap((report) => {
        const seen = report.seen.filter(({ kind }) => kind === 'heartbeat')
        return report.by && seen.length > 0 ? [{ ...report, seen }] : []
      })
      if (heard.length > 0) putBack(deviceId, { reports: heard, waiting: [] })
    }
    throw error
  }

  function putBack(deviceId: number, { reports, waiting }: Pending): void {
    const entry = enqueue(deviceId)
    entry.reports.unshift(...reports)
    entry.waiting.unshift(...waiting)
    rounds.wantNow()
  }

  /** Whether there is more to judge than one round may take. */
  async function judgeDue(horizonAt: number): Promise<boolean> {
    for (let i = 0; i < batchesPerRound; i++) {
      const recorded = await store.judge({ dueUntil: horizonAt, limit: batchSize }, (dockets) => {
        for (const { dueAt } of dockets)
          if (dueAt) stats.latenessMs = Math.max(stats.latenessMs, horizonAt - dueAt)
        return dockets.map((docket) => judgeDevice(docket, [], horizonAt, listener.gaps))
      })
      conclude(recorded)
      if (recorded.judgements.length < batchSize) return false
    }
    return true
  }

  /** After the commit: our copies follow, and whoever watches is told. */
  function conclude({ judgements, transitions }: Recorded): void {
    stats.judged += judgements.length
    stats.transitions += transitions.length
    const activatedIn = new Set<number>()
    for (const judgement of judgements) {
      const { docket, standing } = judgement
      const device = known.find(docket.uuid)
      if (device) follow(device, judgement)
      if (judgement.active && !docket.active) activatedIn.add(docket.fleetId)
      if (judgement.transitions.length === 0 && standing.progress !== docket.standing.progress)
        bus.publish({
          kind: 'progress',
          uuid: docket.uuid,
          fleet: docket.fleetSlug,
          progress: standing.progress,
        })
    }
    if (transitions.length > 0) bus.publish({ kind: 'transitions', transitions })
    if (activatedIn.size > 0) onActivated?.([...activatedIn])
  }

  return {
    admit,
    heartbeat,
    report,
    note,
    judge,
    judgeChangedFleets,
    stats,
    /** When we did not listen: what a verdict on any device needs beside its own evidence. */
    get gaps(): readonly Gap[] {
      return listener.gaps
    },
    get knownCount(): number {
      return known.size
    },
    /** Whether rounds succeed; false: the store is away, or this process is not listening. */
    get ready(): boolean {
      return rounds.healthy
    },

    async start(): Promise<void> {
      await listener.start()
      unsubscribe = bus.subscribe((change) => {
        if (change.kind === 'device') known.forget(change.uuid)
      })
      rounds.start()
    },

    /** Writes all that was heard, and leaves without anybody being blamed. */
    async stop(): Promise<void> {
      unsubscribe()
      if (await rounds.stop()) await listener.stop()
      else listener.abandon()
    },

    /** As a killed process stops: nothing more is written. For the simulator. */
    async abandon(): Promise<void> {
      unsubscribe()
      listener.abandon()
      await rounds.abandon()
    },
  }
}

/** Our copy follows what was judged, unless it was out of date before. */
function follow(device: KnownDevice, judgement: Judgement): void {
  const { docket, evidence, dueAt, renewMs, capAt, frozen } = judgement
  if (device.version !== docket.version) return
  device.version = docket.version + 1
  device.frozen = frozen
  device.agent = evidence.heartbeat?.agent ?? null
  device.renewMs = renewMs
  device.capAt = capAt
  device.dueAt = dueAt
}

function isHeartbeat({ seen }: Report): boolean {
  return seen.length === 1 && seen[0]!.kind === 'heartbeat'
}
