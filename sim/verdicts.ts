// What must be true at the end: the database agrees with itself, with the oracle, and with the truth.

import { createHash } from 'node:crypto'
import { type Gap, joinGaps } from '@muster/core/silence.ts'
import { type UpdateStatus, updateStatuses } from '@muster/core/statuses.ts'
import { decodeCourse, decodeReasons } from '../packages/server/src/store/transition-codec.ts'
import { firstDifference, recompute, type Step } from './oracle.ts'
import type { SimDevice } from './sim-device.ts'
import type { World } from './world.ts'

type TransitionRow = {
  id: number
  device_id: number
  at: number
  from_status: string | null
  to_status: string
  heartbeat: string
  cloudlink: string
  reasons: string
}

type StoredRow = { id: number; device_id: number; at: number; codes: number; reasons: string }

function rowOf({ id, device_id, at, codes, reasons }: StoredRow): TransitionRow {
  const { from, now } = decodeCourse(codes)
  return {
    id,
    device_id,
    at,
    from_status: from,
    to_status: now!.status,
    heartbeat: now!.heartbeat,
    cloudlink: now!.cloudlink,
    reasons: JSON.stringify(decodeReasons(reasons, at)),
  }
}

export type Outcome = { digest: string; transitionCount: number; gapCount: number }

export function checkEnd(world: World): Outcome {
  const { disk, checks } = world
  const rows = disk.read<StoredRow>('select * from transitions order by id').map(rowOf)
  const gaps = joinGaps(
    disk
      .read<{ from_at: number; until_at: number; kind: Gap['kind'] }>('select * from gaps')
      .map((row) => ({ fromAt: row.from_at, untilAt: row.until_at, kind: row.kind })),
  )
  checkOrder(world, rows)
  checks.checkPublished(rows.map(({ id }) => id))
  const histories = Map.groupBy(rows, (row) => row.device_id)
  checkStandings(world, histories)
  checkCounts(world)
  for (const device of world.devices)
    if (device.registered) checkHistory(world, device, histories.get(device.id) ?? [], gaps)
  checkConvergence(world)
  const hash = createHash('sha256')
  for (const row of rows)
    hash.update(`${row.id} ${row.device_id} ${row.at} ${row.to_status} ${row.reasons}\n`)
  return {
    digest: hash.digest('hex').slice(0, 16),
    transitionCount: rows.length,
    gapCount: gaps.length,
  }
}

/** Positions are contiguous; of each device one transition follows on the other. */
function checkOrder({ checks, devicesById }: World, rows: readonly TransitionRow[]): void {
  const latest = new Map<number, TransitionRow>()
  for (const [i, row] of rows.entries()) {
    const device = devicesById[row.device_id] ?? null
    const before = latest.get(row.device_id)
    if (row.id !== i + 1)
      checks.violation('the log has a hole', device, { before: rows[i - 1], row })
    if (row.from_status !== (before?.to_status ?? null))
      checks.violation('a transition does not follow on the one before it', device, { before, row })
    if (before && row.at < before.at)
      checks.violation('a transition is stamped before the one before it', device, { before, row })
    latest.set(row.device_id, row)
  }
}

const codesOf = (reasons: string) =>
  (JSON.parse(reasons) as { code: string }[]).map(({ code }) => code).join(',')

function checkStandings(world: World, histories: Map<number, TransitionRow[]>): void {
  const rows = world.disk.read<Record<string, string | number>>('select * from devices')
  for (const row of rows) {
    const last = histories.get(row.id as number)?.at(-1)
    const agrees =
      last &&
      last.to_status === row.status &&
      last.heartbeat === row.heartbeat_state &&
      last.cloudlink === row.cloudlink_state &&
      codesOf(last.reasons) === row.reason_codes
    if (!agrees)
      world.checks.violation(
        'status and history disagree',
        world.devicesById[row.id as number] ?? null,
        { row, last },
      )
  }
}

function checkCounts({ disk, checks }: World): void {
  const kept = disk.read<{ fleet_id: number; status: string; count: number }>(
    'select fleet_id, status, count from fleet_counts where count <> 0 order by fleet_id, status',
  )
  const counted = disk.read<{ fleet_id: number; status: string; count: number }>(
    'select fleet_id, status, count(*) as count from devices group by 1, 2 order by 1, 2',
  )
  if (JSON.stringify(kept) !== JSON.stringify(counted))
    checks.violation('counts per status are not what a recount finds', null, { kept, counted })
  const active = disk.read<object>(
    `select f.slug, f.active_count, count(d.id) as recount from fleets f
     left join devices d on d.fleet_id = f.id and d.active = 1
     group by f.id having f.active_count <> recount`,
  )
  if (active.length > 0)
    checks.violation('counts of active devices are not what a recount finds', null, { active })
}

/** With one replica nothing but people's changes may be found at another instant than the oracle's. */
function toleranceOf({ scenario, outageMs }: World, device: SimDevice): number {
  if (scenario.replicaCount > 1) return 10_000 + outageMs
  return device.meddledWith ? 10_000 + outageMs : 20
}

function checkHistory(
  world: World,
  device: SimDevice,
  rows: readonly TransitionRow[],
  gaps: readonly Gap[],
): void {
  const untilAt = world.replicas.now() - 10_000
  const stored: Step[] = rows.map((row) => ({
    at: row.at,
    standing: `${row.to_status} (${row.heartbeat}, ${row.cloudlink}; ${codesOf(row.reasons)})`,
  }))
  const log = device.log.toSorted((a, b) => a.at - b.at)
  const agent = device.supervisor ? 'supervisor' : 'muster'
  const expected = recompute(log, device.first, agent, gaps, untilAt)
  const difference = firstDifference(stored, expected, toleranceOf(world, device), gaps, untilAt)
  if (!difference) return
  const near = ({ at }: { at: number }) =>
    at > difference.fromAt - 3_600_000 && at < difference.untilAt + 600_000
  world.checks.violation('history is not what is recomputed from the evidence', device, {
    difference,
    gaps: gaps.filter((gap) => near({ at: gap.fromAt }) || near({ at: gap.untilAt })),
    stored: stored.filter(near),
    expected: expected.filter(near),
    log: log.filter(near).slice(-40),
  })
}

/** By now every device has exactly the status that the truth about it asks for. */
function checkConvergence(world: World): void {
  const rows = world.disk.read<{ id: number; status: string; evidence: string }>(
    `select d.id, d.status, d.evidence, d.allowance_frozen_at, f.frozen_at from devices d
     join fleets f on f.id = d.fleet_id`,
  )
  for (const row of rows) {
    const device = world.devicesById[row.id]
    if (!device) continue
    const wanted = statusOfTruth(world, device)
    if (wanted !== null && row.status !== wanted)
      world.checks.violation('it did not converge to the status that the truth asks for', device, {
        status: row.status,
        wanted,
        program: device.program?.loop?.state ?? device.program?.life,
        evidence: JSON.parse(row.evidence),
        log: device.log.slice(-5),
      })
  }
}

/** Null where a life has just changed, and only time would tell. */
function statusOfTruth(world: World, device: SimDevice): string | null {
  const [fleet] = world.disk.read<{ frozen_at: number | null }>(
    'select frozen_at from fleets where slug = ?',
    [device.fleet],
  )
  const seen = device.log.flatMap((sighting) => sighting.seen ?? [])
  const freezes = seen.filter(({ kind }) => kind === 'frozen' || kind === 'thawed')
  if (fleet?.frozen_at !== null || freezes.at(-1)?.kind === 'frozen') return 'frozen'
  const contacts = device.log.filter(
    ({ told, seen: more }) => told !== null || more?.some(({ kind }) => kind === 'heartbeat'),
  )
  const contactAt = contacts.at(-1)?.at ?? -1
  const life = seen
    .filter(({ kind }) => /^(?:preregistered|registered|deactivated|activated)$/.test(kind))
    .at(-1)
  if (life?.kind === 'deactivated' || life?.kind === 'preregistered')
    if (contactAt < life.at) return 'inactive'
  const registered = seen.some(({ kind }) => kind === 'registered')
  if (contactAt < 0) return registered ? 'post-provisioning' : 'disconnected'
  const holdsKey = device.keys.some(
    ({ key, expiresAt }) => key === device.key && (expiresAt === null || expiresAt > world.endAt),
  )
  if (!device.program || !holdsKey) return contactAt > world.healAt ? null : 'disconnected'
  // It came online just now, and has the grace of its first link.
  const { cloudlinkGraceMs } = device.policy
  if (contacts[0]!.at > world.replicas.now() - cloudlinkGraceMs) return null
  return statusOfLiving(device)
}

function statusOfLiving(device: SimDevice): string {
  const { provisioning_state: step, apps } =
    device.program?.loop?.state.wanted ?? ({} as { provisioning_state?: string; apps?: never })
  if (step) return 'configuring'
  const word = apps?.host?.releases?.current?.update_status?.replace(' ', '-') as
    | UpdateStatus
    | undefined
  if (word && updateStatuses[word].moving) return 'updating'
  return device.policy.cloudlinkEnabled ? 'reduced-functionality' : 'operational'
}
