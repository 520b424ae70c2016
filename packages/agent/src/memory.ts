// What the agent remembers over a restart, beside its identity: what the server has acknowledged during
// this boot, what host tools have said, and the policy. Losing it costs one full report, so it is
// written without flushing, and a disk that is full costs nothing but a line in `status`.

import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Report } from '@muster/core/device-protocol.ts'
import { isRecord, parseJson } from './answers.ts'
import { lasting } from './report.ts'

export type Memory = {
  server: string
  bootId: string | null
  intervalMs: number | null
  cloudlinkEnabled: boolean | null
  acknowledged: Report
  /** What host tools said, acknowledged or not. */
  stated: Report
  /** Nothing holds from before: the first start in this boot, or with this server. */
  isFresh: boolean
}

const fileName = 'memory.json'

/** What holds still: acknowledgements of another server or of an earlier boot do not. */
export function readMemory(
  stateDir: string,
  now: { server: string; bootId: string | null },
): Memory {
  const fresh: Memory = {
    ...now,
    intervalMs: null,
    cloudlinkEnabled: null,
    acknowledged: {},
    stated: {},
    isFresh: true,
  }
  const known = parseJson(textOf(join(stateDir, fileName)))
  if (!isRecord(known) || known.server !== now.server) return fresh
  const { intervalMs, cloudlinkEnabled, acknowledged, stated } = known
  const policy = {
    intervalMs: typeof intervalMs === 'number' ? intervalMs : null,
    cloudlinkEnabled: typeof cloudlinkEnabled === 'boolean' ? cloudlinkEnabled : null,
  }
  if (now.bootId === null || known.bootId !== now.bootId) return { ...fresh, ...policy }
  return {
    ...fresh,
    ...policy,
    acknowledged: isRecord(acknowledged) ? acknowledged : {},
    stated: isRecord(stated) ? stated : {},
    isFresh: false,
  }
}

/** Throws what the disk says. */
export function writeMemory(stateDir: string, memory: Memory): void {
  const path = join(stateDir, fileName)
  const beside = `${path}.new`
  const { isFresh: _, ...kept } = { ...memory, acknowledged: lasting(memory.acknowledged) }
  try {
    writeFileSync(beside, `${JSON.stringify(kept)}\n`, { mode: 0o600 })
    renameSync(beside, path)
  } catch (error) {
    rmSync(beside, { force: true })
    throw error
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
