// What requests have left in memory since the last round: plain heartbeats, of which only the latest
// of a device counts, and sightings that must be judged, with those who wait for the judgement.

import type { Observation } from '@muster/core/evidence.ts'
import type { AgentKind } from '@muster/core/policy.ts'
import type { Sighting } from './judgement.ts'
import type { Judgement, KnownDevice, Renewal } from './ports.ts'

/** Who vouched for a request: if our copy of the device was out of date, its key is checked anew. */
export type Voucher = { device: KnownDevice; keyHash: string }

/** A sighting on its way to a judgement. What people did carries no voucher. */
export type Report = Sighting & { by?: Voucher }

/** The latest plain heartbeat of a device, as it was found to be plain. */
export type Renewing = Renewal & { by: Voucher }

export type Waiting = PromiseWithResolvers<Judgement | null>
export type Pending = { reports: Report[]; waiting: Waiting[] }

/** A poll: when, by which kind of agent, from where, and the interval that it was answered with. */
export type Beat = { at: number; agent: AgentKind; address: string | null; toldMs: number | null }

/** What cannot be written waits; of more than this of one device only the latest heartbeat counts. */
export const maxReportsWaiting = 32

export class Intake {
  #renewals = new Map<number, Renewing>()
  #pending = new Map<number, Pending>()

  /** A heartbeat that changes nothing about the device but its deadline. */
  renew(by: Voucher, at: number, address: string | null): void {
    const { device } = by
    const { deviceId, version, renewMs, capAt } = device
    device.dueAt = Math.min(at + renewMs!, capAt ?? Infinity)
    this.#renewals.set(deviceId, {
      deviceId,
      version,
      sinceAt: this.#renewals.get(deviceId)?.sinceAt ?? at,
      heartbeatAt: at,
      dueAt: device.dueAt,
      toldMs: toldMsOf(device),
      address,
      by,
    })
  }

  /** A heartbeat that must be judged. */
  addHeartbeat(by: Voucher, { at, agent, address, toldMs }: Beat): void {
    const told = toldMs === null ? {} : { intervalMs: toldMs }
    const seen: Observation[] = [{ kind: 'heartbeat', at, agent, address, ...told }]
    const { reports } = this.#entryOf(by.device.deviceId)
    if (reports.length >= maxReportsWaiting && isHeartbeat(reports.at(-1)!)) reports.pop()
    if (reports.length < maxReportsWaiting) reports.push({ at, seen, by })
  }

  /** Resolves with the judgement that has taken the report, or that was made without one. */
  addWaiting(deviceId: number, report?: Report): Promise<Judgement | null> {
    const waiting: Waiting = Promise.withResolvers()
    const entry = this.#entryOf(deviceId)
    if (report) entry.reports.push(report)
    entry.waiting.push(waiting)
    return waiting.promise
  }

  putBack(deviceId: number, { reports, waiting }: Pending): void {
    const entry = this.#entryOf(deviceId)
    entry.reports.unshift(...reports)
    entry.waiting.unshift(...waiting)
  }

  putBackRenewals(renewals: Map<number, Renewing>): void {
    for (const [deviceId, renewing] of renewals) {
      const newer = this.#renewals.get(deviceId)
      if (newer) newer.sinceAt = renewing.sinceAt
      else this.#renewals.set(deviceId, renewing)
    }
  }

  takeRenewals(): Map<number, Renewing> {
    const taken = this.#renewals
    this.#renewals = new Map()
    return taken
  }

  takePending(): Map<number, Pending> {
    const taken = this.#pending
    this.#pending = new Map()
    return taken
  }

  isPending(deviceId: number): boolean {
    return this.#pending.has(deviceId)
  }

  reportCount(deviceId: number): number {
    return this.#pending.get(deviceId)?.reports.length ?? 0
  }

  /** The earliest instant of which something is not written yet; Infinity: all is. */
  firstPendingAt(): number {
    let firstAt = Infinity
    for (const { reports } of this.#pending.values())
      for (const { at } of reports) firstAt = Math.min(firstAt, at)
    return firstAt
  }

  #entryOf(deviceId: number): Pending {
    let entry = this.#pending.get(deviceId)
    if (!entry) {
      entry = { reports: [], waiting: [] }
      this.#pending.set(deviceId, entry)
    }
    return entry
  }
}

/** The interval that the answer to a poll tells; a frozen device gets no target state, so none. */
export function toldMsOf({ frozen, policy }: KnownDevice): number | null {
  return frozen ? null : policy.heartbeatIntervalMs
}

/** Of reports that are refused, what remains true: that the devices were heard. */
export function heardOnly(reports: readonly Report[]): Report[] {
  return reports.flatMap((report) => {
    const seen = report.seen.filter(({ kind }) => kind === 'heartbeat')
    return report.by && seen.length > 0 ? [{ ...report, seen }] : []
  })
}

function isHeartbeat({ seen }: Report): boolean {
  return seen.length === 1 && seen[0]!.kind === 'heartbeat'
}
