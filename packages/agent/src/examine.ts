// The device examines itself: each check measures and lets core judge. All run at once, each within its
// own patience, so that one that hangs costs the others nothing and is itself "unknown".

import { accessSync, constants, existsSync, readFileSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '@muster/core/clock.ts'
import {
  type BeatFound,
  type Check,
  checkNames,
  type Finding,
  finding,
  judgeApi,
  judgeCloudlink,
  judgeDisk,
  judgeDns,
  judgeDocker,
  judgeMemory,
  judgeTemperature,
  judgeTime,
  judgeVoltage,
} from '@muster/core/health-checks.ts'
import { wallNow } from './clock.ts'
import { hottest, isUndervolted } from './host.ts'
import type { KeeperState } from './link-keeper.ts'
import type { Services } from './services.ts'
import { type WayTarget, walkWay } from './way-check.ts'

export type ExaminePorts = {
  target: WayTarget
  /** A folder on the file system that matters. */
  diskPath: string
  services: Services
  beat(): BeatFound
  link(): KeeperState
  clock: Clock
  root?: string
}

const checkWithinMs = 15_000

/** Never fails: what cannot be found out is "unknown". */
export async function examine(ports: ExaminePorts): Promise<Finding[]> {
  const { target, services, beat, diskPath, root = '/' } = ports
  const toApi = walkWay(target, 'http')
  const make: Record<Check, () => Finding | Promise<Finding>> = {
    disk: () => judgeDisk(readDisk(diskPath)),
    memory: () => judgeMemory(readMemory(root)),
    temperature: () => judgeTemperature(hottest(root)),
    voltage: () => judgeVoltage(isUndervolted(root)),
    time: async () => {
      const { aheadMs } = await toApi
      return judgeTime({ shownAt: wallNow(), aheadMs, isSynchronized: isSynchronized(root) })
    },
    dns: async () => judgeDns((await toApi).found),
    api: async () => judgeApi((await toApi).found, beat()),
    cloudlink: () => examineLink(ports),
    docker: async () => judgeDocker(await services.examine()),
  }
  return Promise.all(checkNames.map((name) => inTime(ports.clock, name, make[name])))
}

async function examineLink({ link, target, clock }: ExaminePorts): Promise<Finding> {
  const { phase, replica, upSinceAt, trouble } = link()
  if (phase === 'off') return judgeCloudlink({ phase })
  if (phase === 'up') {
    const upForMs = clock.now() - (upSinceAt ?? clock.now())
    return judgeCloudlink({ phase, upForMs, replica: replica ?? 'the server' })
  }
  const { found: way } = await walkWay(target, 'upgrade')
  return judgeCloudlink({ phase: 'down', trouble, way })
}

function inTime(
  clock: Clock,
  name: Check,
  make: () => Finding | Promise<Finding>,
): Promise<Finding> {
  return new Promise((resolve) => {
    const unknown = (text: string) => resolve(finding(name, 'unknown', text))
    const cancel = clock.after(checkWithinMs, () => unknown('it took too long'))
    Promise.resolve()
      .then(make)
      .then(resolve, (error: Error) => unknown(error.message))
      .finally(cancel)
  })
}

function readDisk(path: string) {
  const { bsize, blocks, bfree, bavail } = statfsSync(path)
  // What is kept for root is neither used nor free to us.
  const totalBytes = Math.max(1, (blocks - bfree + bavail) * bsize)
  return { totalBytes, freeBytes: bavail * bsize, isReadOnly: !isWritable(path) }
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK)
    return true
  } catch {
    return false
  }
}

function readMemory(root: string) {
  const text = readFileSync(join(root, 'proc/meminfo'), 'utf8')
  const bytes = (name: string) =>
    1_024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1])
  const [totalBytes, freeBytes] = [bytes('MemTotal'), bytes('MemAvailable')]
  return totalBytes > 0 && freeBytes >= 0 ? { totalBytes, freeBytes } : null
}

/** As systemd-timesyncd says; null: it does not run here, and others do not say it in a file. */
function isSynchronized(root: string): boolean | null {
  const folder = join(root, 'run/systemd/timesync')
  return existsSync(folder) ? existsSync(join(folder, 'synchronized')) : null
}
