// Other devices that send heartbeats meanwhile: a server is never asked one thing at a time.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Credentials } from './population.ts'
import { rootDir } from './server-process.ts'

export type Paced = { answeredCount: number; errorCount: number; p99Ms: number; maxMs: number }

export async function startBackground(
  url: string,
  devices: readonly Credentials[],
  perSecond: number,
) {
  const file = join(tmpdir(), `muster-bench-devices-${process.pid}-${devices[0]!.uuid}`)
  await writeDevices(file, devices)
  const child = spawn(process.execPath, ['bench/pacer.ts', url, file, String(perSecond)], {
    cwd: rootDir,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  await lines.next()
  await rm(file)
  return {
    async stop(): Promise<Paced> {
      child.kill('SIGTERM')
      const { value } = await lines.next()
      return JSON.parse(value!)
    },
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}

export async function writeDevices(file: string, devices: readonly Credentials[]): Promise<void> {
  const lines = devices.map(({ uuid, key, etag }) => `${uuid} ${key} ${etag}`)
  await writeFile(file, `${lines.join('\n')}\n`)
}
