// What may happen in a run: the seed chooses among these kinds, or the command line names one. Rates
// are per day; a kind says which troubles it has, the seed how many of each.

import type { PolicyOverrides } from '@muster/core/policy.ts'
import type { Random } from './random.ts'

export const minuteMs = 60_000
export const hourMs = 3_600_000
export const dayMs = 86_400_000

export const scenarioNames = [
  'calm',
  'network',
  'restarts',
  'replicas',
  'store',
  'people',
  'everything',
  'mass',
] as const
export type ScenarioName = (typeof scenarioNames)[number]

export type Scenario = {
  name: ScenarioName
  /** More than one share a database, as replicas share PostgreSQL. */
  replicaCount: number
  /** Share of devices behind a link with delays and loss. */
  mobileShare: number
  lossRate: number
  duplicateRate: number
  partitionsPerDay: number
  /** Per device. */
  deathsPerDay: number
  /** Per device. */
  reportsPerDay: number
  crashesPerDay: number
  restartsPerDay: number
  absencesPerDay: number
  stallsPerDay: number
  clocksStep: boolean
  storeDelays: boolean
  statementFaultRate: number
  outagesPerDay: number
  /** One replica of several does not reach the store that the others reach. */
  cutOffsPerDay: number
  peopleActsPerDay: number
  slowFleets: boolean
}

const calm: Omit<Scenario, 'name'> = {
  replicaCount: 1,
  mobileShare: 0,
  lossRate: 0,
  duplicateRate: 0,
  partitionsPerDay: 0,
  deathsPerDay: 0.5,
  reportsPerDay: 0.5,
  crashesPerDay: 0,
  restartsPerDay: 0,
  absencesPerDay: 0,
  stallsPerDay: 0,
  clocksStep: false,
  storeDelays: false,
  statementFaultRate: 0,
  outagesPerDay: 0,
  cutOffsPerDay: 0,
  peopleActsPerDay: 0,
  slowFleets: false,
}

const network: Partial<Scenario> = {
  mobileShare: 0.5,
  lossRate: 0.03,
  duplicateRate: 0.01,
  partitionsPerDay: 6,
}
const restarts: Partial<Scenario> = {
  crashesPerDay: 6,
  restartsPerDay: 4,
  absencesPerDay: 3,
  stallsPerDay: 12,
  clocksStep: true,
}
const store: Partial<Scenario> = {
  storeDelays: true,
  statementFaultRate: 0.002,
  outagesPerDay: 8,
}
const people: Partial<Scenario> = { peopleActsPerDay: 200 }

export function chooseScenario(random: Random, named: ScenarioName | undefined): Scenario {
  const name = named ?? random.pick(scenarioNames.filter((one) => one !== 'mass'))
  const several = { replicaCount: random.between(2, 3) }
  const kinds: Record<ScenarioName, Partial<Scenario>> = {
    calm: {},
    network,
    restarts,
    replicas: { ...restarts, ...several, mobileShare: 0.3, cutOffsPerDay: 8 },
    store: { ...store, replicaCount: random.between(1, 2) },
    people: { ...people, mobileShare: 0.2 },
    everything: {
      ...network,
      ...restarts,
      ...store,
      ...people,
      cutOffsPerDay: 4,
      replicaCount: random.between(1, 3),
    },
    mass: {
      slowFleets: true,
      mobileShare: 0.05,
      lossRate: 0.01,
      partitionsPerDay: 3,
      deathsPerDay: 0.2,
      reportsPerDay: 0.1,
      crashesPerDay: 2,
      restartsPerDay: 1,
      absencesPerDay: 1,
      stallsPerDay: 4,
      outagesPerDay: 1,
      peopleActsPerDay: 40,
      clocksStep: true,
    },
  }
  return { ...calm, ...kinds[name], name }
}

export type FleetPlan = {
  slug: string
  share: number
  supervisor: boolean
  policy: PolicyOverrides
}

/**
 * Fleets of every pace that a run of so many days leaves time to judge. In a mass of devices the slow
 * have nearly all of them, or a day would be all heartbeats: a share of 0 is one device.
 */
export function planFleets(random: Random, slow: boolean, days: number): FleetPlan[] {
  const longestMs = (days * dayMs) / 4
  const plan = (
    slug: string,
    share: number,
    intervalMs: number,
    more: { supervisor?: boolean; policy?: PolicyOverrides } = {},
  ): FleetPlan => ({
    slug,
    share,
    supervisor: more.supervisor ?? false,
    policy: {
      heartbeatIntervalMs: Math.min(intervalMs, Math.round(longestMs)),
      heartbeatGraceMs: random.pick([0, 5_000, 15_000, 60_000, 5 * minuteMs]),
      cloudlinkEnabled: false,
      stallMs: random.pick([5 * minuteMs, 30 * minuteMs, 2 * hourMs]),
      ...more.policy,
    },
  })
  const share = (ordinary: number, inMass: number) => (slow ? inMass : ordinary)
  const quarterMs = slow ? random.pick([5, 10, 15]) * minuteMs : 15 * minuteMs
  const fleets = [
    plan('quick', share(0.1, 0), random.pick([10_000, 15_000, 20_000])),
    plan('minute', share(0.2, 0), 60_000),
    plan('supervisor-minute', share(0.1, 0), random.pick([60_000, 120_000]), { supervisor: true }),
    plan('linked', share(0.1, 0), 60_000, { policy: { cloudlinkEnabled: true } }),
    plan('quarter', share(0.2, 0.01), quarterMs),
    plan('supervisor-quarter', share(0.1, 0.01), 15 * minuteMs, { supervisor: true }),
    plan('hourly', share(0.15, 0.06), share(1, 2) * hourMs),
    plan('rare', share(0.15, 0.12), random.pick([2, 4, 6]) * hourMs),
  ]
  if (!slow) return fleets
  return [
    ...fleets,
    plan('half-day', 0.3, 12 * hourMs),
    plan('linked-day', 0.05, 18 * hourMs, { policy: { cloudlinkEnabled: true } }),
    plan('supervisor-day', 0.05, 24 * hourMs, { supervisor: true }),
    plan('day', 0.4, 24 * hourMs),
  ]
}
