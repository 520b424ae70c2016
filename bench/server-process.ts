// The real server as a process of its own, started as people start it, on a free port over a folder.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync } from 'node:fs'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { ask } from './http.ts'

export const rootDir = resolve(import.meta.dirname, '..')
/** The administrator of every fleet of these benches. */
export const adminToken = `mat_${'bench'.repeat(6)}00`

export type Server = Awaited<ReturnType<typeof startServer>>

/** Resolves when the process says that it listens; `spawnedAt` is by `performance.now()`. */
export async function startServer(
  dataDir: string,
  {
    env = {} as Record<string, string>,
    nodeOptions = [] as string[],
    within = [] as string[],
  } = {},
) {
  const command = [...within, process.execPath, ...nodeOptions, 'packages/server/src/main.ts']
  const spawnedAt = performance.now()
  const child = spawn(command[0]!, command.slice(1), {
    cwd: rootDir,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH: process.env.PATH,
      MUSTER_PORT: '0',
      MUSTER_HOST: '127.0.0.1',
      MUSTER_DATA_DIR: dataDir,
      MUSTER_ADMIN_TOKEN: adminToken,
      MUSTER_LOG_LEVEL: 'warn',
      ...env,
    },
  })
  const url = await saidAddress(child)
  return {
    url,
    pid: child.pid!,
    spawnedAt,
    read: <T>(path: string): Promise<T> => readApi<T>(url, path),
    async stop() {
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      const [code] = await ended
      if (code !== 0) throw new Error(`the server ended with ${code}`)
    },
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL')
        await once(child, 'exit')
      }
    },
  }
}

async function saidAddress(child: ChildProcess): Promise<string> {
  for await (const line of createInterface(child.stdout!)) {
    const said = /^Muster listens on (\S+)/.exec(line)
    if (said) return said[1]!
  }
  throw new Error(`the server did not start (exit ${child.exitCode})`)
}

async function readApi<T>(url: string, path: string): Promise<T> {
  const { status, body } = await ask(url + path, { authorization: `Bearer ${adminToken}` })
  if (status !== 200) throw new Error(`GET ${path}: ${status} ${body}`)
  return JSON.parse(body)
}

/** A folder that goes when it is disposed of; with the files of another, if one is named. */
export async function openFolder(copyOf?: string) {
  const path = await mkdtemp(join(tmpdir(), 'muster-bench-'))
  if (copyOf) {
    await cp(copyOf, path, { recursive: true })
    // Onto the disk now: otherwise the first write of the server would wait for all of it.
    execFileSync('sync', ['-f', path])
  }
  const gone = { recursive: true, force: true }
  return {
    path,
    removeNow: () => rmSync(path, gone),
    [Symbol.asyncDispose]: () => rm(path, gone),
  }
}

/** Resident memory of a process, in bytes. */
export function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)![1]) * 1024
}
