// Stands between presence and its store, changes nothing, and tells the truth what was committed: which
// heartbeats, by which facts devices were judged, which transitions were stored and must now be
// published, and for what time a replica has given its word.

import type { Policy } from '@muster/core/policy.ts'
import type { Docket, Judgement, PresenceStore } from '../packages/server/src/presence/ports.ts'
import type { Run } from './replicas.ts'
import type { World } from './world.ts'

export function createWitness(world: World, run: Run, store: PresenceStore): PresenceStore {
  /** Whoever was made through the registry is met here first, whichever process lived to say so. */
  function meet(deviceId: number): void {
    if (!world.devicesById[deviceId]) world.adopt(deviceId)
  }

  return {
    ...store,

    async loadKnown(uuids) {
      const known = await store.loadKnown(uuids)
      for (const { deviceId } of known) meet(deviceId)
      return known
    },

    async renew(renewals) {
      const changed = await store.renew(renewals)
      const doubted = new Set(changed)
      for (const { deviceId, heartbeatAt } of renewals)
        if (!doubted.has(deviceId)) committed(world, run, deviceId, heartbeatAt)
      return changed
    },

    async judge(which, decide) {
      let decided: readonly Judgement[] = []
      try {
        const recorded = await store.judge(which, (dockets) => {
          for (const { deviceId } of dockets) meet(deviceId)
          const judgements = decide(dockets)
          decided = judgements
          return judgements
        })
        for (const judgement of recorded.judgements) judged(world, run, judgement)
        world.checks.stored(run, recorded.transitions)
        return recorded
      } catch (error) {
        if (decided.length > 0 && tookEffect(world, decided[0]!)) {
          for (const judgement of decided) judged(world, run, judgement)
          world.checks.storedUnheard()
        }
        throw error
      }
    },

    async keepListening(listeningId, replica, word, stalls) {
      const listening = await store.keepListening(listeningId, replica, word, stalls)
      world.sightings.word(run, word.untilAt)
      return listening
    },

    async closeListening(listeningId, untilAt) {
      await store.closeListening(listeningId, untilAt)
      world.sightings.word(run, untilAt)
    },
  }
}

/** The heartbeat is durable, and it was this process that wrote it. */
function committed({ devicesById }: World, run: Run, deviceId: number, heartbeatAt: number): void {
  const device = devicesById[deviceId]
  if (!device) return
  device.committedAt = heartbeatAt
  device.committedRun = run.id
}

function judged(world: World, run: Run, { docket, evidence, judgedAt }: Judgement): void {
  const device = world.devicesById[docket.deviceId]
  if (!device) return
  const heardAt = evidence.heartbeat?.at ?? -1
  if (heardAt > (docket.evidence.heartbeat?.at ?? -1))
    committed(world, run, docket.deviceId, heardAt)
  if (!samePolicy(device.policy, docket.policy)) {
    device.policy = docket.policy
    device.meddledWith = true
    device.log.push({ at: judgedAt, told: null, seen: null, policy: docket.policy })
  }
  if (!sameFreezes(device.inherited, docket.inherited)) {
    device.inherited = docket.inherited
    device.meddledWith = true
    device.log.push({ at: judgedAt, told: null, seen: null, inherited: docket.inherited })
  }
}

/** The answer to a commit was lost; whether it took effect is written in the row. */
function tookEffect({ disk }: World, { docket }: Judgement): boolean {
  const [row] = disk.read<{ version: number }>('select version from contacts where device_id = ?', [
    docket.deviceId,
  ])
  return row !== undefined && row.version > docket.version
}

function samePolicy(a: Policy, b: Policy): boolean {
  return (
    a.heartbeatIntervalMs === b.heartbeatIntervalMs &&
    a.heartbeatGraceMs === b.heartbeatGraceMs &&
    a.cloudlinkEnabled === b.cloudlinkEnabled &&
    a.stallMs === b.stallMs
  )
}

function sameFreezes(a: Docket['inherited'], b: Docket['inherited']): boolean {
  return (
    a.administrator.at === b.administrator.at &&
    a.allowance.at === b.allowance.at &&
    a['fleet-type'].at === b['fleet-type'].at
  )
}
