import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type CloudlinkState,
  cloudlinkStates,
  type HeartbeatState,
  heartbeatStates,
  type Status,
  statusWords,
} from '@muster/core/statuses.ts'
import { deriveUptime, type StandingThen } from '@muster/core/uptime.ts'
import fc from 'fast-check'
import { databases, insertDevice, insertFleet, noon } from '../fixtures.ts'
import type { Fleet } from '../registry/ports.ts'
import type { Database } from './database.ts'
import { createDeviceStore } from './device-store.ts'
import { hourMs } from './fleet-hours.ts'
import { createHistoryKeeping } from './history-keeping.ts'
import { createHistoryQueries } from './history-queries.ts'
import { appendTransitions } from './transition-log.ts'

/** Everything happens on a grid, so that ties are the rule and the oracle may count cells. */
const cellMs = 600_000
const cellCount = 60
const deviceCount = 4
const dayMs = 86_400_000

type Act = { cell: number; device: number } & (
  | { kind: 'change'; standing: StandingThen }
  | { kind: 'move' }
  | { kind: 'delete' }
)

const anyStanding = fc.record({
  status: fc.constantFrom<Status>(...statusWords),
  heartbeat: fc.constantFrom<HeartbeatState>(...heartbeatStates),
  cloudlink: fc.constantFrom<CloudlinkState>(...cloudlinkStates),
})
const where = {
  cell: fc.integer({ min: 0, max: cellCount - 1 }),
  device: fc.integer({ min: 0, max: deviceCount - 1 }),
}
const anyAct: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant('change'), standing: anyStanding, ...where }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('move'), ...where }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete'), ...where }) },
)
/** In the order of time for each device; among devices in any order, as commits are. */
const anyStory = fc.array(anyAct, { minLength: 1, maxLength: 60 })

/** What the oracle knows: in each cell, where each device stood. */
type Stay = { fleetId: number; standing: StandingThen; since: number } | null
type Oracle = Stay[][]

for (const { name, skip, open } of databases) {
  const numRuns = name === 'SQLite' ? 40 : 6
  test(`${name}: every moment and every period is answered as a count of all devices would`, {
    skip,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(anyStory, async (story) => {
        await using house = await openHistory(open, story)
        await house.checkMoments(0)
      }),
      { seed: 2026, numRuns },
    )
  })

  test(`${name}: what is cut away is missed at no moment that is kept`, { skip }, async () => {
    const anyFloor = fc.integer({ min: 1, max: cellCount - 1 })
    await fc.assert(
      fc.asyncProperty(anyStory, anyFloor, anyFloor, async (story, one, other) => {
        await using house = await openHistory(open, story)
        for (const floor of [Math.min(one, other), Math.max(one, other)]) {
          await house.cut(floor)
          await house.checkMoments(floor)
          await house.checkLog(floor)
        }
      }),
      { seed: 2026, numRuns },
    )
  })
}

async function openHistory(open: () => Promise<Database>, story: readonly Act[]) {
  const database = await open()
  const fleetId = await insertFleet(database)
  await database.write
    .insertInto('fleets')
    .values({
      organization_id: 1,
      slug: 'other',
      name: 'other',
      paid_type: 0,
      policy: '{}',
      created_at: 0,
    })
    .execute()
  const fleets = [fleetId, fleetId + 1]
  const oracle = await tell(database, fleets, story)
  const queries = createHistoryQueries(database)
  const keeping = createHistoryKeeping(database)
  const at = (cell: number) => noon + cell * cellMs

  const keptFrom = (cell: number) => at(cell) - (at(cell) % hourMs)

  async function checkFleet(fleetId: number, from: number): Promise<void> {
    const here = (cell: number) =>
      oracle.flatMap((stays, device) => {
        const stay = stays[cell]
        return stay?.fleetId === fleetId ? [{ device, ...stay }] : []
      })
    const cells = [from, Math.floor((from + cellCount) / 2), cellCount - 1]
    for (const cell of cells) {
      const instant = at(cell) + 1
      const counts = countsOf(here(cell).map(({ standing }) => standing.status))
      assert.deepEqual(sorted(await queries.loadFormerCounts(fleetId, instant)), counts)
      const page = { limit: 2, after: null }
      const devices = await all((after) =>
        queries.loadFormerDevices(fleetId, instant, null, { ...page, after }),
      )
      assert.deepEqual(
        devices.map(({ uuid, status, since }) => [Number.parseInt(uuid, 16), status, since]),
        here(cell).map(({ device, standing, since }) => [device + 1, standing.status, since]),
      )
    }
    await checkLately(fleetId)
    await checkPeriod(fleetId, from, cells[1]!)
    await checkPeriod(fleetId, cells[1]!, cellCount - 1)
  }

  async function checkLately(fleetId: number): Promise<void> {
    const hourAt = Math.floor(at(cellCount - 3) / hourMs) * hourMs
    const visible = { organizationId: 1, fleetIds: [fleetId] }
    const [lately] = await queries.loadFleetChanges(visible, hourAt)
    const before = await queries.loadFormerCounts(fleetId, hourAt - 1)
    const after = await queries.loadFormerCounts(fleetId, at(cellCount) + hourMs)
    for (const status of statusWords)
      assert.equal(lately?.net[status] ?? 0, (after[status] ?? 0) - (before[status] ?? 0), status)
  }

  async function checkPeriod(fleetId: number, from: number, until: number): Promise<void> {
    const period = { fromAt: at(from), untilAt: at(until) }
    if (from >= until) return
    const spans = [
      { fromAt: at(from), untilAt: at(from) + cellMs / 2 },
      { fromAt: at(from) + cellMs / 2, untilAt: at(until) },
    ]
    const sums = new Map<string, number>()
    for (let cell = from; cell < until; cell++)
      for (const stays of oracle) {
        const stay = stays[cell]
        if (stay?.fleetId !== fleetId) continue
        const { status, heartbeat, cloudlink } = stay.standing
        const key = [status, heartbeat, cloudlink].join()
        sums.set(key, (sums.get(key) ?? 0) + cellMs)
      }
    const found = await queries.loadFleetTimes(fleetId, spans)
    const keyed = found.map(([{ status, heartbeat, cloudlink }, ms]): [string, number] => [
      [status, heartbeat, cloudlink].join(),
      ms,
    ])
    assert.deepEqual(keyed.sort(), [...sums].sort())
    const page = { limit: 2, after: null }
    const differing = await all((after) =>
      queries.loadDifference(fleetId, period, { ...page, after }),
    )
    const status = (device: number, cell: number) => {
      const stay = oracle[device]![cell]
      return stay?.fleetId === fleetId ? stay.standing.status : undefined
    }
    assert.deepEqual(
      differing.map(({ uuid, before, now }) => [
        Number.parseInt(uuid, 16) - 1,
        before?.status,
        now?.status,
      ]),
      oracle
        .map((_, device) => [device, status(device, from), status(device, until)])
        .filter(([, before, now]) => before !== now),
    )
    const ids = await queries.loadEverIds(fleetId, 0, 100)
    const courses = await queries.loadDeviceCourses(ids, [fleetId], period)
    const countedMs = [...courses.values()]
      .map(({ changes }) => deriveUptime(changes, period, []).countedMs)
      .reduce((sum, ms) => sum + ms, 0)
    assert.equal(
      countedMs,
      [...sums.values()].reduce((sum, ms) => sum + ms, 0),
    )
  }

  return {
    async checkMoments(from: number): Promise<void> {
      for (const fleetId of fleets) await checkFleet(fleetId, from)
    },

    /** Keeps a day until one day after this cell. */
    async cut(floor: number): Promise<void> {
      const now = at(floor) + dayMs
      await keeping.setKeptDays(1, 1)
      await keeping.raiseFloors(now)
      for (let i = 0; await keeping.sweep(now); i++) assert.ok(i < 100, 'it comes to an end')
      assert.equal((await keeping.loadHistoryLimits(1)).keptFrom, keptFrom(floor))
    },

    /** What is left before the floor is what answers need, and the log has no hole after its mark. */
    async checkLog(floor: number): Promise<void> {
      const rows = await database.write.selectFrom('transitions').selectAll().execute()
      const old = Map.groupBy(
        rows.filter((row) => row.at < keptFrom(floor)),
        (row) => row.device_id,
      )
      for (const left of old.values()) assert.ok(left.length <= 2, `${left.length} are left`)
      const ids = new Set(rows.map(({ id }) => id))
      const position = await queries.loadLogPosition()
      for (let id = (await queries.loadLogFloor()) + 1; id <= position; id++)
        assert.ok(ids.has(id), `position ${id} of ${position}`)
    },

    [Symbol.asyncDispose]: () => database.close(),
  }
}

/** Writes the story through the real store, and into the oracle. */
async function tell(
  database: Database,
  fleets: readonly number[],
  story: readonly Act[],
): Promise<Oracle> {
  const devices = createDeviceStore(database)
  const oracle: Oracle = []
  const state: { id: number; cell: number; gone: boolean; stay: Stay }[] = []
  for (let i = 0; i < deviceCount; i++) {
    const { deviceId } = await insertDevice(database, { fleetId: fleets[0]!, number: i + 1 })
    state.push({ id: deviceId, cell: 0, gone: false, stay: null })
    oracle.push(new Array(cellCount).fill(null))
  }
  for (const act of story) {
    const device = state[act.device]!
    if (device.gone || (act.kind !== 'change' && !device.stay)) continue
    device.cell = Math.max(device.cell, act.cell)
    const at = noon + device.cell * cellMs
    const { stay, id } = device
    if (act.kind === 'delete') {
      await devices.deleteDevice(id, at)
      device.gone = true
      device.stay = null
    } else if (act.kind === 'move') {
      const fleetId = fleets.find((one) => one !== stay!.fleetId)!
      await devices.moveDevice(id, { id: fleetId, slug: 'other' } as Fleet, at)
      device.stay = { ...stay!, fleetId }
    } else {
      const fleetId = stay?.fleetId ?? fleets[0]!
      await change(database, id, fleetId, at, stay?.standing ?? null, act.standing)
      const isSame = stay?.standing.status === act.standing.status
      device.stay = { fleetId, standing: act.standing, since: isSame ? stay.since : at }
    }
    oracle[act.device]!.fill(device.stay, device.cell)
  }
  return oracle
}

async function change(
  { write, dialect }: Database,
  deviceId: number,
  fleetId: number,
  at: number,
  before: StandingThen | null,
  now: StandingThen,
): Promise<void> {
  const { status, heartbeat, cloudlink } = now
  const transition = { at, from: before?.status ?? null, to: status, heartbeat, cloudlink }
  await write.transaction().execute(async (trx) => {
    await trx
      .updateTable('devices')
      .set({ status, heartbeat_state: heartbeat, cloudlink_state: cloudlink })
      .where('id', '=', deviceId)
      .execute()
    await appendTransitions(trx, dialect, [
      { ...transition, reasons: [], deviceId, fleetId, before },
    ])
  })
}

function countsOf(words: readonly Status[]) {
  const counts: Partial<Record<Status, number>> = {}
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1
  return sorted(counts)
}

const sorted = (counts: Partial<Record<Status, number>>) => Object.entries(counts).sort()

async function all<Row>(
  load: (after: readonly (string | number)[] | null) => Promise<{
    rows: Row[]
    next: readonly (string | number)[] | null
  }>,
): Promise<Row[]> {
  const rows: Row[] = []
  let after: readonly (string | number)[] | null = null
  do {
    const page = await load(after)
    rows.push(...page.rows)
    after = page.next
  } while (after !== null)
  return rows
}
