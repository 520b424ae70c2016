// One database that all replicas of a run share: real SQLite in memory, in this thread. Each run of a
// replica has a drive of its own on it, so that the death of a process takes its open transaction with
// it, as in a database server. Only one transaction is open at a time; the others wait for their turn.
// Faults are put in between: statements fail, commits fail (before or after they took effect), answers
// take time, the database is away.

import { pause } from '@muster/core/clock.ts'
import type { VirtualClock } from '@muster/core/virtual-clock.ts'
import type { SqliteRunner } from '../packages/server/src/store/sqlite.ts'
import { openSqlite, type SqliteAnswer } from '../packages/server/src/store/sqlite-connection.ts'
import type { Random } from './random.ts'

export type DiskFaults = {
  statementFaultRate: number
  delays: boolean
  /** Nothing is answered until then. */
  awayUntil: number
}

export type Drive = SqliteRunner & {
  /** The process whose drive it is does not reach the database until then. */
  cutOffUntil: number
  kill(): void
}

export type Disk = ReturnType<typeof createDisk>

const nothing: SqliteAnswer = { rows: [], changes: 0, insertId: 0 }
const forever = new Promise<never>(() => undefined)

export function createDisk(clock: VirtualClock, random: Random) {
  const connection = openSqlite({ path: ':memory:', readOnly: false })
  const faults: DiskFaults = { statementFaultRate: 0, delays: false, awayUntil: 0 }
  let holder: object | null = null
  const queue: (() => void)[] = []
  const stats = { statements: 0, faults: 0 }

  function release(): void {
    holder = null
    queue.shift()?.()
  }

  const isAway = ({ cutOffUntil }: { cutOffUntil: number }) =>
    clock.now() < Math.max(faults.awayUntil, cutOffUntil)

  /** `held` resolves when the process may see answers again: a stalled one sees none. */
  function openDrive(held: () => Promise<void> | null): Drive {
    const drive = { dead: false, cutOffUntil: 0 }

    function execute(sql: string, parameters: readonly unknown[]): SqliteAnswer {
      stats.statements++
      if (sql === 'rollback' && holder !== drive) return nothing
      const answer = connection.run(sql, parameters)
      if (sql === 'begin immediate') holder = drive
      if (sql === 'commit' || sql === 'rollback') release()
      return answer
    }

    async function slowly(sql: string, parameters: readonly unknown[]): Promise<SqliteAnswer> {
      await held()
      if (faults.delays && random.chance(0.3)) await pause(clock, slownessMs(random))
      while (!drive.dead && holder !== null && holder !== drive)
        await new Promise<void>((resolve) => queue.push(resolve))
      if (drive.dead) return forever
      if (sql !== 'rollback' && (isAway(drive) || random.chance(faults.statementFaultRate))) {
        stats.faults++
        // The connection broke: before the commit reached the database, or before its answer came.
        if (sql === 'commit') execute(random.chance(0.3) ? 'commit' : 'rollback', [])
        throw new Error('the simulated store is away')
      }
      const answer = execute(sql, parameters)
      if (holder === null) queue.shift()?.()
      return answer
    }

    return Object.assign(drive, {
      run(sql: string, parameters: readonly unknown[]): Promise<SqliteAnswer> {
        if (drive.dead) return forever
        const quick =
          (holder === null || holder === drive) &&
          !faults.delays &&
          faults.statementFaultRate === 0 &&
          !isAway(drive) &&
          held() === null
        if (!quick) return slowly(sql, parameters)
        try {
          return Promise.resolve(execute(sql, parameters))
        } catch (error) {
          return Promise.reject(error)
        }
      },
      close: async () => undefined,
      kill() {
        drive.dead = true
        if (holder !== drive) return
        connection.run('rollback', [])
        release()
      },
    })
  }

  return {
    faults,
    stats,
    openDrive,
    /** What is in the database, past all faults: for the checks. */
    read<Row>(sql: string, parameters: readonly unknown[] = []): Row[] {
      return connection.run(sql, parameters).rows as Row[]
    },
    write(sql: string, parameters: readonly unknown[]): void {
      connection.run(sql, parameters)
    },
    close: () => connection.close(),
  }
}

function slownessMs(random: Random): number {
  return random.chance(0.005) ? random.between(500, 4_000) : random.between(1, 20)
}
