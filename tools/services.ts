// PostgreSQL and NATS for tests, end-to-end stories and measurements: a private one each, in a folder
// of its own under the system's temporary folder, on a free port of loopback, gone when it is stopped.
// Real ones, because ports have no mocks. Rejected: using a server that happens to run on the machine;
// its data is somebody's, and its version and settings are anybody's.
//
// PostgreSQL refuses to run as root, so root hands its copy to the user `postgres`.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  accessSync,
  chmodSync,
  chownSync,
  constants,
  existsSync,
  mkdtempSync,
  readdirSync,
  rmSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

/** Something that runs beside us. Disposing of it stops it and removes its folder. */
export type Service = AsyncDisposable & {
  url: string
  readonly pid: number
  stop(): Promise<void>
  /** Ends it and leaves its folder, so that `resume` starts it on the same port with what it had. */
  halt(): Promise<void>
  resume(): Promise<void>
}

/** The full path of a program in PATH or where Debian keeps those of root, or null. */
export function findProgram(name: string): string | null {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin']
  return folders.map((folder) => join(folder, name)).find(isExecutable) ?? null
}

/** The folder with the programs of the newest PostgreSQL on this machine, or null. */
export function findPostgres(): string | null {
  const debian = '/usr/lib/postgresql'
  const versions = existsSync(debian) ? readdirSync(debian) : []
  const folders = versions
    .toSorted((a, b) => Number(b) - Number(a))
    .map((version) => join(debian, version, 'bin'))
  const onPath = findProgram('initdb')?.slice(0, -'/initdb'.length)
  return [...folders, onPath ?? ''].find((folder) => isExecutable(join(folder, 'initdb'))) ?? null
}

export type PostgresOptions = {
  /** Whether commits wait for the disk: measurements want it, tests do not. */
  durable?: boolean
}

/** A new, empty PostgreSQL; its URL opens it as a superuser without a password. */
export async function startPostgres({ durable = false }: PostgresOptions = {}): Promise<Service> {
  const programs = findPostgres()
  if (!programs) throw new Error('PostgreSQL is not installed: apt-get install postgresql')
  const owner = ownerOf('postgres')
  const dir = mkdtempSync(join(tmpdir(), 'muster-postgres-'))
  if (owner) chownSync(dir, owner.uid, owner.gid)
  chmodSync(dir, 0o700)
  const data = join(dir, 'data')
  const initialize = ['-D', data, '-U', 'muster', '--auth=trust', '--no-sync', '--encoding=UTF8']
  try {
    execFileSync(join(programs, 'initdb'), [...initialize, '--locale=C.UTF-8'], {
      ...owner,
      cwd: dir,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
  } catch (error) {
    rmSync(dir, { recursive: true, force: true })
    throw error
  }
  const port = await freePort()
  const settings = [`listen_addresses=127.0.0.1`, `port=${port}`, `unix_socket_directories=${dir}`]
  if (!durable) settings.push('fsync=off', 'synchronous_commit=off', 'full_page_writes=off')
  const launch = () =>
    spawn(
      join(programs, 'postgres'),
      ['-D', data, ...settings.flatMap((setting) => ['-c', setting])],
      { ...owner, cwd: dir, stdio: ['ignore', 'ignore', 'pipe'] },
    )
  const url = `postgres://muster@127.0.0.1:${port}/postgres`
  return serviceOf(launch, { url, dir, ready: 'ready to accept connections', stopSignal: 'SIGINT' })
}

/** A new NATS server without persistence. */
export async function startNats(): Promise<Service> {
  const program = findProgram('nats-server')
  if (!program) throw new Error('NATS is not installed: apt-get install nats-server')
  const dir = mkdtempSync(join(tmpdir(), 'muster-nats-'))
  const port = await freePort()
  const launch = () =>
    spawn(program, ['-a', '127.0.0.1', '-p', String(port)], {
      cwd: dir,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
  const url = `nats://127.0.0.1:${port}`
  return serviceOf(launch, { url, dir, ready: 'Server is ready', stopSignal: 'SIGTERM' })
}

/** Whether this process may make network namespaces, found out by making one. */
export function canMakeNetworks(): boolean {
  const ip = findProgram('ip')
  if (!ip) return false
  const name = `muster-probe-${process.pid}`
  try {
    execFileSync(ip, ['netns', 'add', name], { stdio: 'ignore' })
    execFileSync(ip, ['netns', 'delete', name], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** A port of loopback that nobody listened on a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

type Running = { url: string; dir: string; ready: string; stopSignal: NodeJS.Signals }

/** Waits until the program says that it is ready; stops it with us, however we end. */
async function serviceOf(
  launch: () => ChildProcess,
  { url, dir, ready, stopSignal }: Running,
): Promise<Service> {
  let child = launch()
  let ended = endOf(child)
  const abandon = () => {
    child.kill('SIGKILL')
    rmSync(dir, { recursive: true, force: true })
  }
  process.once('exit', abandon)
  const halt = async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill(stopSignal)
    await ended
  }
  const stop = async () => {
    process.off('exit', abandon)
    await halt()
    rmSync(dir, { recursive: true, force: true })
  }
  const begun = async () => {
    const said = await saidUntil(child, ready, ended)
    if (said === null) return
    await stop()
    throw new Error(`${child.spawnfile} did not start: ${said}`)
  }
  await begun()
  return {
    url,
    get pid() {
      return child.pid!
    },
    stop,
    halt,
    async resume() {
      child = launch()
      ended = endOf(child)
      await begun()
    },
    [Symbol.asyncDispose]: stop,
  }
}

function endOf(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  })
}

/** Null once it has said `words`, or all that it said instead before it ended. */
async function saidUntil(
  child: ChildProcess,
  words: string,
  ended: Promise<void>,
): Promise<string | null> {
  let said = ''
  const ready = new Promise<true>((resolve) => {
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      if (said.length < 10_000) said += text
      if (said.includes(words)) resolve(true)
    })
  })
  return (await Promise.race([ready, ended])) ? null : said
}

/** The numbers of the user as whom to run, where we are root; undefined where we are not. */
function ownerOf(user: string): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const numberOf = (flag: string) => Number(execFileSync('id', [flag, user], { encoding: 'utf8' }))
  return { uid: numberOf('-u'), gid: numberOf('-g') }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
