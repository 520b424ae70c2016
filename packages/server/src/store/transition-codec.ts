// How a transition is laid down: words as numbers, and evidence as values in the order in which the
// reason lists them, instants as distances from the transition's own. A year of a large fleet is
// mostly this table, and the plain JSON of it would be several times as long. The numbers are on disk:
// they are never changed, only added to.

import { type Reason, type ReasonCode, type ReasonEvidence, reasons } from '@muster/core/reasons.ts'
import type { CloudlinkState, HeartbeatState, Status } from '@muster/core/statuses.ts'

const statusNumbers = {
  frozen: 1,
  inactive: 2,
  'post-provisioning': 3,
  disconnected: 4,
  configuring: 5,
  updating: 6,
  'reduced-functionality': 7,
  operational: 8,
} as const satisfies Record<Status, number>

const heartbeatNumbers = {
  unknown: 1,
  online: 2,
  timeout: 3,
  offline: 4,
} as const satisfies Record<HeartbeatState, number>

const cloudlinkNumbers = {
  connected: 1,
  disconnected: 2,
  disabled: 3,
} as const satisfies Record<CloudlinkState, number>

const reasonNumbers = {
  'frozen-over-allowance': 1,
  'frozen-paid-fleet-type': 2,
  'frozen-by-administrator': 3,
  deactivated: 4,
  preregistered: 5,
  'not-yet-online': 6,
  goodbye: 7,
  'goodbye-overdue': 8,
  'heartbeat-never': 9,
  'heartbeat-late': 10,
  'heartbeat-lost': 11,
  'cloudlink-down': 12,
  'applying-os-configuration': 13,
  'moving-to-target-release': 14,
  stalled: 15,
  'fully-connected': 16,
  'duplicate-identity': 17,
} as const satisfies Record<ReasonCode, number>

export const statusCode = createCode(statusNumbers)
export const heartbeatCode = createCode(heartbeatNumbers)
export const cloudlinkCode = createCode(cloudlinkNumbers)
const reasonCode = createCode(reasonNumbers)

/** Both ways between the words of a closed list and their numbers. */
function createCode<W extends string>(numbers: Readonly<Record<W, number>>) {
  const words = new Map(Object.entries(numbers).map(([word, number]) => [number, word as W]))
  return {
    numberOf: (word: W): number => numbers[word],
    wordOf(number: number): W {
      const word = words.get(number)
      if (word === undefined) throw new Error(`the history holds the unknown number ${number}`)
      return word
    },
  }
}

type Value = ReasonEvidence[string]

/** The reasons of a transition at the instant `at`. */
export function encodeReasons(given: readonly Reason[], at: number): string {
  const encoded = given.map(({ code, evidence }) => [
    reasonCode.numberOf(code),
    ...reasons[code].evidence.map((name) => inward(name, evidence[name] ?? null, at)),
  ])
  return JSON.stringify(encoded)
}

export function decodeReasons(text: string, at: number): Reason[] {
  const encoded: [number, ...Value[]][] = JSON.parse(text)
  return encoded.map(([number, ...values]) => {
    const code = reasonCode.wordOf(number)
    const names: readonly string[] = reasons[code].evidence
    const evidence = names.map((name, i) => [name, outward(name, values[i] ?? null, at)])
    return { code, evidence: Object.fromEntries(evidence) }
  })
}

const isInstant = (name: string) => name.endsWith('At')

function inward(name: string, value: Value, at: number): Value {
  return isInstant(name) && typeof value === 'number' ? value - at : value
}

function outward(name: string, value: Value, at: number): Value {
  return isInstant(name) && typeof value === 'number' ? value + at : value
}
