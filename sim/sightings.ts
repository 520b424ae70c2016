// The log of what reached the server, kept by the truth: each request that presence took, stamped with
// the clock of the replica that took it. What a replica has given its word for is durable. What a
// killed one heard after its last word may be lost; then the database itself is asked, once.

import type { Observation } from '@muster/core/evidence.ts'
import type { Policy } from '@muster/core/policy.ts'
import type { Docket, KnownDevice } from '../packages/server/src/presence/ports.ts'
import type { Run } from './replicas.ts'
import type { SimDevice } from './sim-device.ts'
import type { World } from './world.ts'

export type Sighting = {
  at: number
  /** Of a poll: the interval that it was answered with; 0: with none. */
  told: number | null
  /** What else it let us see; null for a plain heartbeat. */
  seen: readonly Observation[] | null
  /** Facts that hold from here on, because a judgement was made by them. */
  policy?: Policy
  inherited?: Docket['inherited']
  /** Whether it counts cannot be told from its time alone. */
  doubtful?: boolean
}

export type Sightings = ReturnType<typeof createSightings>

export function createSightings(world: Pick<World, 'disk' | 'scenario'>) {
  function add(run: Run, device: SimDevice, sighting: Sighting): Sighting {
    if (device.keyChanging) sighting.doubtful = true
    device.log.push(sighting)
    run.recent.push({ device, sighting })
    return sighting
  }

  function remove(device: SimDevice, sighting: Sighting): void {
    const index = device.log.lastIndexOf(sighting)
    if (index >= 0) device.log.splice(index, 1)
  }

  function settle(run: Run, device: SimDevice, sighting: Sighting): void {
    const committed = device.committedRun === run.id && device.committedAt >= sighting.at
    if (!committed && !isInDatabase(world, device, sighting)) remove(device, sighting)
    sighting.doubtful = false
  }

  return {
    heartbeat(run: Run, device: SimDevice, known: KnownDevice): void {
      add(run, device, {
        at: run.clock.now(),
        told: known.frozen ? 0 : known.policy.heartbeatIntervalMs,
        seen: null,
      })
    },

    /** What a request or a person let us see, as it is handed to presence. */
    observed(run: Run, device: SimDevice, at: number, seen: readonly Observation[]): Sighting {
      return add(run, device, { at, told: null, seen })
    },

    /** It was refused for want of the store: that the device was heard may still count. */
    refused(device: SimDevice, sighting: Sighting): void {
      const heard = sighting.seen?.filter(({ kind }) => kind === 'heartbeat') ?? []
      const taken = isInDatabase(world, device, { ...sighting, told: 0 }) && heard.length === 0
      if (taken) return
      if (heard.length === 0) remove(device, sighting)
      else if (!isReportInDatabase(world, device, sighting)) sighting.seen = heard
    },

    /** The replica has said that all it heard until `untilAt` is durable. */
    word(run: Run, untilAt: number): void {
      const { recent } = run
      let count = 0
      while (count < recent.length && recent[count]!.sighting.at <= untilAt) {
        const { device, sighting } = recent[count]!
        if (sighting.doubtful) settle(run, device, sighting)
        count++
      }
      if (count > 0) recent.splice(0, count)
    },

    /** A process has ended: what it heard since its last word is looked for, once. */
    settleRun(run: Run): void {
      for (const { device, sighting } of run.recent) settle(run, device, sighting)
      run.recent = []
    },

    /** A key is changing: what was heard just before may be judged by either. */
    doubtRecent(runs: readonly Run[], device: SimDevice): void {
      for (const run of runs)
        for (const one of run.recent) if (one.device === device) one.sighting.doubtful = true
    },
  }
}

/** Whether the database has it: by its very instant, or by one that a bump moved by a hair. */
function isInDatabase(
  { disk, scenario }: Pick<World, 'disk' | 'scenario'>,
  device: SimDevice,
  { at, seen }: Sighting,
): boolean {
  const [row] = disk.read<{ heartbeat_at: number | null; evidence: string }>(
    `select c.heartbeat_at, d.evidence from contacts c join devices d on d.id = c.device_id
     where c.device_id = ?`,
    [device.id],
  )
  if (!row) return false
  const isHeartbeat = seen === null || seen.some(({ kind }) => kind === 'heartbeat')
  const heardAt = row.heartbeat_at ?? -1
  if (isHeartbeat && (heardAt === at || heardAt === at + 1)) return true
  if (isHeartbeat && scenario.replicaCount === 1 && heardAt >= at) return true
  return row.evidence.includes(`"at":${at}`) || row.evidence.includes(`"at":${at + 1}`)
}

/** Of a refused report: whether more than its heartbeat was taken, because only the answer failed. */
function isReportInDatabase(
  { disk }: Pick<World, 'disk'>,
  device: SimDevice,
  { at, seen }: Sighting,
): boolean {
  const [row] = disk.read<{ evidence: string }>('select evidence from devices where id = ?', [
    device.id,
  ])
  if (!row || !seen?.some(({ kind }) => kind !== 'heartbeat')) return false
  const {
    heartbeat: _heartbeat,
    told: _told,
    onlineAt: _onlineAt,
    ...rest
  } = JSON.parse(row.evidence)
  const text = JSON.stringify(rest)
  return text.includes(`"at":${at}`) || text.includes(`"at":${at + 1}`)
}
