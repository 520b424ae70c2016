// What devices find when they examine themselves. Two things become of a report: what it says of the two
// channels is evidence, which may support a reason and makes none; and as a whole it is kept until the
// next, for people to read. A device is not trusted: its texts are made plain again here, and of a check
// that it names twice the first counts.

import type { Clock } from '@muster/core/clock.ts'
import type { Observation } from '@muster/core/evidence.ts'
import { claimOn, type Finding, finding, type HealthReport } from '@muster/core/health-checks.ts'
import type { Examination, HealthNews, HealthStore, HealthWitness } from './ports.ts'

export type HealthDeps<Device> = {
  witness: HealthWitness<Device>
  store: HealthStore
  publish(news: HealthNews): void
  clock: Clock
}

export class Health<Device extends { deviceId: number }> {
  readonly #deps: HealthDeps<Device>

  constructor(deps: HealthDeps<Device>) {
    this.#deps = deps
  }

  /**
   * Durable when it resolves; false: the device or its key is gone. `heard` is what else the message
   * that brought the report lets us see, such as a heartbeat.
   */
  async take(
    device: Device,
    keyHash: string,
    report: HealthReport,
    heard: (at: number) => Observation[] = () => [],
  ): Promise<boolean> {
    const { witness, store, publish, clock } = this.#deps
    const { cause, agoMs, tookMs } = report
    const findings = plain(report.findings)
    const api = claimOn('api', findings)
    const cloudlink = claimOn('cloudlink', findings)
    const judged = await witness.report(device, keyHash, (at) => [
      ...heard(at),
      { kind: 'examined', at, agoMs, api, cloudlink },
    ])
    if (!judged) return false
    const saidAt = clock.now()
    const examinedAt = Math.max(0, saidAt - agoMs)
    await store.saveExamination(device.deviceId, { cause, examinedAt, saidAt, tookMs, findings })
    const { uuid, fleetSlug: fleet } = judged.docket
    publish({ kind: 'device', uuid, fleet, change: 'changed' })
    return true
  }

  /** As `take`, for a device that speaks over its link: that is no heartbeat. */
  async takeOver(
    { uuid, keyHash }: { uuid: string; keyHash: string },
    report: HealthReport,
  ): Promise<boolean> {
    const { witness } = this.#deps
    const device = witness.recall(uuid, keyHash) ?? (await witness.admit(uuid, keyHash))
    return device !== null && this.take(device, keyHash, report)
  }

  /** The last that the device said; null: it has said nothing yet. */
  load(deviceId: number): Promise<Examination | null> {
    return this.#deps.store.loadExamination(deviceId)
  }
}

function plain(said: readonly Finding[]): Finding[] {
  const first = new Map(said.toReversed().map((one) => [one.check, one]))
  return said
    .filter((one) => first.get(one.check) === one)
    .map(({ check, result, detail, step }) => finding(check, result, detail, step))
}
