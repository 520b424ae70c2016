// How a transition is laid down: its words as the digits of one number, and evidence as values in the
// order in which the reason lists them, instants as distances from the transition's own. A year of a
// large fleet is mostly this table, and the plain JSON of it would be several times as long. The
// numbers are on disk: they are never changed, only added to.
//
// The number `codes` has six hexadecimal digits, from the lowest: the status now and before, the
// heartbeat now and before, cloudlink now and before. So one row tells by itself what left which state
// and entered which, and rows with the same number can be counted together (fleet-hours.ts). A zero is
// "was not here": before, where the device came into the fleet, and now, where it left.

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
const heartbeatCode = createCode(heartbeatNumbers)
const cloudlinkCode = createCode(cloudlinkNumbers)
export const reasonCode = createCode(reasonNumbers)

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

export type StandingNow = { status: Status; heartbeat: HeartbeatState; cloudlink: CloudlinkState }

/** What a row of the log says; `before` null: the device was not in this fleet. */
export type Course = {
  from: Status | null
  now: StandingNow | null
  before: Omit<StandingNow, 'status'> | null
}

/** The bits of each word, for SQL; a digit has four. */
export const shifts = { to: 0, from: 4, heartbeat: 8, cloudlink: 16 } as const
const beforeShift = 4
const digit = 0xf

export function encodeCourse({ from, now, before }: Course): number {
  const words = [
    now ? statusCode.numberOf(now.status) : 0,
    from ? statusCode.numberOf(from) : 0,
    now ? heartbeatCode.numberOf(now.heartbeat) : 0,
    before ? heartbeatCode.numberOf(before.heartbeat) : 0,
    now ? cloudlinkCode.numberOf(now.cloudlink) : 0,
    before ? cloudlinkCode.numberOf(before.cloudlink) : 0,
  ]
  return words.reduceRight((codes, word) => codes * 16 + word, 0)
}

/** Whether it came, left, or came to another status: not only a channel differs. */
export const changesStatus = (codes: number): boolean =>
  ((codes >> shifts.to) & digit) !== ((codes >> shifts.from) & digit)

export function decodeCourse(codes: number): Course {
  const at = (shift: number) => (codes >> shift) & digit
  const from = at(shifts.from)
  const to = at(shifts.to)
  const heartbeatBefore = at(shifts.heartbeat + beforeShift)
  return {
    from: from === 0 ? null : statusCode.wordOf(from),
    now:
      to === 0
        ? null
        : {
            status: statusCode.wordOf(to),
            heartbeat: heartbeatCode.wordOf(at(shifts.heartbeat)),
            cloudlink: cloudlinkCode.wordOf(at(shifts.cloudlink)),
          },
    before:
      heartbeatBefore === 0
        ? null
        : {
            heartbeat: heartbeatCode.wordOf(heartbeatBefore),
            cloudlink: cloudlinkCode.wordOf(at(shifts.cloudlink + beforeShift)),
          },
  }
}

type Value = ReasonEvidence[string]

/** The reasons of a transition at the instant `at`: JSON without its outermost brackets. */
export function encodeReasons(given: readonly Reason[], at: number): string {
  const encoded = given.map(({ code, evidence }) => {
    const names: readonly string[] = reasons[code].evidence
    // Of evidence that is seldom there, and listed last, nothing is written.
    const count = names.findLastIndex((name) => evidence[name] !== undefined) + 1
    const values = names.slice(0, count).map((name) => inward(name, evidence[name] ?? null, at))
    return [reasonCode.numberOf(code), ...values]
  })
  return JSON.stringify(encoded).slice(2, -2)
}

export function decodeReasons(text: string, at: number): Reason[] {
  if (text === '') return []
  const encoded: [number, ...Value[]][] = JSON.parse(`[[${text}]]`)
  return encoded.map(([number, ...values]) => {
    const code = reasonCode.wordOf(number)
    const names: readonly string[] = reasons[code].evidence.slice(0, values.length)
    const evidence = names.map((name, i) => [name, outward(name, values[i]!, at)])
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
