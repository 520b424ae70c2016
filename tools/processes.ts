// Muster's programs as processes of their own, for the demo and the end-to-end stories. A crew starts
// them and is the one place that ends them: by their process ids, the latest first, each asked before
// it is killed, and killed outright where this process ends without having asked.
//
// They get an environment of their own, so that nobody's settings or sign-in leak into a story. Each
// leads a process group, so that a Ctrl-C on the terminal reaches only us and we end them in order.

import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { rootDir } from './house.ts'

const main = (name: string) => join(rootDir, 'packages', name, 'src', 'main.ts')
export const programs = { server: main('server'), agent: main('agent'), muster: main('cli') }

export type Ended = { code: number | null; signal: NodeJS.Signals | null; out: string; err: string }

export type Running = {
  pid: number
  readonly isRunning: boolean
  ended: Promise<Ended>
  /** The end of what it has said until now, on both outputs. */
  said(): string
  /** Asks it to end, or with SIGKILL does not ask; resolves when it has ended. */
  stop(signal?: NodeJS.Signals): Promise<Ended>
}

export type StartOptions = {
  env?: Record<string, string | undefined>
  /** What to run it by, such as `ip netns exec NAME`. */
  through?: readonly string[]
  /** Another Node than ours. */
  node?: string
  /** A file that also gets everything it says. */
  logPath?: string
}

export type Crew = AsyncDisposable & {
  start(words: readonly string[], options?: StartOptions): Running
  /** Runs it to its end. */
  run(words: readonly string[], options?: StartOptions): Promise<Ended>
}

/** Longer than an agent or a server takes for a clean stop. */
const patienceMs = 15_000
const keptCharacters = 200_000

export function openCrew(): Crew {
  const members = new Set<Running>()
  const killAll = () => {
    for (const { pid, isRunning } of members) if (isRunning) process.kill(pid, 'SIGKILL')
  }
  process.once('exit', killAll)

  function start(words: readonly string[], options: StartOptions = {}): Running {
    const { env = {}, through = [], node = process.execPath } = options
    const [program, ...rest] = [...through, node, ...words]
    const child = spawn(program!, rest, {
      env: { PATH: process.env.PATH, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    const running = follow(child, options.logPath)
    members.add(running)
    running.ended.finally(() => members.delete(running)).catch(() => undefined)
    return running
  }

  return {
    start,
    run: (words, options) => start(words, options).ended,
    async [Symbol.asyncDispose]() {
      for (const member of [...members].reverse()) await member.stop()
      process.off('exit', killAll)
    },
  }
}

function follow(child: ChildProcess, logPath: string | undefined): Running {
  const texts = { out: '', err: '', both: '' }
  const log = logPath === undefined ? null : createWriteStream(logPath, { flags: 'a' })
  const listen = (stream: 'out' | 'err') => (piece: string) => {
    for (const name of [stream, 'both'] as const)
      texts[name] = (texts[name] + piece).slice(-keptCharacters)
    log?.write(piece)
  }
  child.stdout!.setEncoding('utf8').on('data', listen('out'))
  child.stderr!.setEncoding('utf8').on('data', listen('err'))
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      log?.end()
      resolve({ code, signal, out: texts.out, err: texts.err })
    })
  })
  const isRunning = () => child.pid !== undefined && child.exitCode === null && !child.signalCode
  return {
    pid: child.pid ?? 0,
    get isRunning() {
      return isRunning()
    },
    ended,
    said: () => texts.both,
    async stop(signal = 'SIGTERM') {
      if (!isRunning()) return ended
      child.kill(signal)
      const late = setTimeout(() => child.kill('SIGKILL'), patienceMs)
      return ended.finally(() => clearTimeout(late))
    },
  }
}

export type ServerSettings = { port: number } & Pick<StartOptions, 'env' | 'logPath'>

/** A server that is ready to serve; rejects with what it said where it ends instead. */
export async function startServer(
  crew: Crew,
  { port, env, logPath }: ServerSettings,
): Promise<Running> {
  const server = crew.start([programs.server], {
    env: { MUSTER_PORT: String(port), ...env },
    ...(logPath === undefined ? {} : { logPath }),
  })
  for (let waitMs = 20; ; waitMs = Math.min(200, waitMs * 1.2)) {
    if (await isReady(`http://127.0.0.1:${port}/readyz`)) return server
    if (!server.isRunning) throw new Error(`the server did not start:\n${server.said()}`)
    await wait(waitMs)
  }
}

async function isReady(url: string): Promise<boolean> {
  return fetch(url, { signal: AbortSignal.timeout(2_000) }).then(
    async (answer) => {
      await answer.arrayBuffer()
      return answer.ok
    },
    () => false,
  )
}
