// What health needs of the world: presence, which takes what a device says of its channels as evidence;
// a store for the last examination of each device; and a bus to say that there is a new one.

import type { Observation } from '@muster/core/evidence.ts'
import type { ExaminationCause, Finding } from '@muster/core/health-checks.ts'

/** What a device said of itself. */
export type Examination = {
  cause: ExaminationCause
  /** On our clock, as near as we know. */
  examinedAt: number
  saidAt: number
  tookMs: number
  findings: readonly Finding[]
}

export interface HealthStore {
  /** Durable when it resolves; a later examination that is there already stays. */
  saveExamination(deviceId: number, examination: Examination): Promise<void>
  loadExamination(deviceId: number): Promise<Examination | null>
}

type Judged = { docket: { uuid: string; fleetSlug: string } }

export interface HealthWitness<Device> {
  recall(uuid: string, keyHash: string): Device | null
  admit(uuid: string, keyHash: string): Device | null | Promise<Device | null>
  /** What the device let us see; null: it or its key is gone. Rejects when it is not durable. */
  report(
    device: Device,
    keyHash: string,
    observe: (at: number) => Observation[],
  ): Promise<Judged | null>
}

export type HealthNews = { kind: 'device'; uuid: string; fleet: string; change: 'changed' }
