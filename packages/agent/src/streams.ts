// Streams on the device's side. The server asks over the link; the agent connects to the target, if
// its own list allows that, and dials back at the same time. Whatever goes wrong with the target is
// said on the stream itself, to whoever opened it.

import { connect, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import type { Clock } from '@muster/core/clock.ts'
import { Refusal } from '@muster/core/errors.ts'
import { StreamLine } from '@muster/core/stream-line.ts'
import { dialFailureLimit, type StreamReady, streamLimits } from '@muster/core/streams-wire.ts'
import { isRecord } from './answers.ts'
import { explainFailure } from './failures.ts'
import type { Log } from './loop.ts'
import type { Sshd, SshSession } from './sshd.ts'
import type { DialBack } from './stream-line.ts'
import { isAllowed, isPort, type TargetList } from './stream-targets.ts'

export type AgentStreamsDeps = {
  dialBack: DialBack
  /** Says something over the link, if one stands. */
  say(message: Record<string, unknown>): void
  sshd: Pick<Sshd, 'open'>
  allowed: TargetList
  clock: Clock
  log: Log
  limit?: number
}

type Target = Pick<SshSession, 'readable' | 'writable' | 'cut'> & { words: StreamReady }

export class AgentStreams {
  readonly #deps: AgentStreamsDeps
  readonly #open = new Set<Duplex>()
  #opening = 0
  #sayings: number = dialFailureLimit.burst
  #sayingsAt: number

  constructor(deps: AgentStreamsDeps) {
    this.#deps = deps
    this.#sayingsAt = deps.clock.now()
  }

  get count(): number {
    return this.#open.size + this.#opening
  }

  /** A message of the link; what is none for us is passed over. */
  take(message: Record<string, unknown>, epoch: number): void {
    const { type, token, target } = message
    if (type !== 'open-stream' || typeof token !== 'string' || !isRecord(target)) return
    const { limit = streamLimits.perDevice, log } = this.#deps
    const hasRoom = this.count < limit
    this.#opening++
    this.#run(token, epoch, () =>
      hasRoom
        ? this.#reach(target)
        : Promise.reject(new Refusal('too-many-streams', `the device has ${limit}`)),
    )
      .catch((error) => log('warn', `A stream could not be opened: ${explainFailure(error)}`))
      .finally(() => this.#opening--)
  }

  stop(): void {
    for (const duplex of this.#open) duplex.destroy(new Refusal('stream-ended', 'the agent stops'))
  }

  async #run(token: string, epoch: number, reach: () => Promise<Target>): Promise<void> {
    const { dialBack, clock } = this.#deps
    const [dialled, reached] = await Promise.allSettled([dialBack(token, epoch), reach()])
    if (dialled.status === 'rejected') {
      if (reached.status === 'fulfilled') reached.value.cut()
      this.#sayUndialled(token, dialled.reason)
      throw dialled.reason
    }
    const line = new StreamLine(dialled.value, { Duplex, clock })
    const { duplex } = line
    duplex.on('error', () => undefined)
    if (reached.status === 'rejected') {
      duplex.destroy(reached.reason as Error)
      return
    }
    this.#open.add(duplex)
    duplex.once('close', () => this.#open.delete(duplex))
    line.sayReady(reached.value.words)
    join(duplex, reached.value)
  }

  /** Whoever asked waits for a connection that does not come. Of very many only some are told. */
  #sayUndialled(token: string, why: unknown): void {
    const { say, clock } = this.#deps
    const { burst, perSecond } = dialFailureLimit
    const now = clock.now()
    const earned = ((now - this.#sayingsAt) * perSecond) / 1_000
    this.#sayings = Math.min(burst, this.#sayings + earned)
    this.#sayingsAt = now
    if (this.#sayings < 1) return
    this.#sayings--
    const told = why instanceof Refusal && why.code === 'replicas-apart' ? why : null
    const detail = told ? (told.detail ?? '') : `the device dialled back: ${explainFailure(why)}`
    const code = told?.code ?? 'stream-not-answered'
    say({ type: 'stream-undialled', token, code, detail: detail.slice(0, 300) })
  }

  async #reach(target: Record<string, unknown>): Promise<Target> {
    const { allowed, sshd } = this.#deps
    const { kind, host, port, keys } = target
    if (kind === 'ssh') {
      if (!allowed.ssh) throw new Refusal('stream-target-refused', 'ssh is not in its list')
      const given = Array.isArray(keys) ? keys.filter((key) => typeof key === 'string') : []
      const { hostKey, ...session } = await sshd.open(given)
      return { ...session, words: { hostKey } }
    }
    if (kind !== 'tcp' || typeof host !== 'string' || !isPort(port))
      throw new Refusal('stream-target-refused', 'this agent does not know that kind of target')
    if (!isAllowed(allowed, host, port))
      throw new Refusal('stream-target-refused', `${host}:${port} is not in its list`)
    const socket = await reachPort(host, port)
    return {
      readable: socket,
      writable: socket,
      cut: () => void socket.resetAndDestroy(),
      words: {},
    }
  }
}

/** Bytes, ends and resets, both ways. */
function join(line: Duplex, { readable, writable, cut }: Target): void {
  const lose = (what: string) => () => {
    if (!line.destroyed) line.destroy(new Refusal('stream-lost', `the target has ${what} it`))
  }
  line.pipe(writable)
  readable.pipe(line)
  readable.on('error', lose('reset'))
  // It may read no more and still have something to say.
  writable.on('error', () => line.unpipe(writable).resume())
  readable.once('close', () => {
    if (!readable.readableEnded) lose('cut')()
  })
  // After an orderly end the target has its last bytes yet to read.
  line.once('error', cut)
}

function reachPort(host: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const fail = (why: string) =>
      reject(new Refusal('stream-target-unreachable', `${host}:${port}: ${why}`))
    const socket = connect({ host, port, allowHalfOpen: true, noDelay: true })
    socket.setTimeout(streamLimits.targetMs, () => {
      fail('no answer')
      socket.destroy()
    })
    socket.once('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.message))
    socket.once('connect', () => {
      socket.setTimeout(0)
      resolve(socket)
    })
  })
}
