// When the device examines itself, and how what it found reaches the server: over the link where it
// stands, else as a request, else with its next contact. Of several that could not be told only the
// latest is, because it says all.
//
// It looks a while after trouble began, so that a link which comes right back costs nothing, and by
// chance, so that a fleet does not look in step; then ever more seldom, since every look costs data.
// Rejected: to look at fixed times, which finds nothing new on a device that is well.

import { type Clock, pause } from '@muster/core/clock.ts'
import {
  type ExaminationCause,
  type Finding,
  type HealthReport,
  healthLimits,
  summaryOf,
} from '@muster/core/health-checks.ts'
import type { Log } from './loop.ts'

export type HealthPorts = {
  clock: Clock
  /** In [0, 1). */
  random(): number
  log: Log
  examine(): Promise<Finding[]>
  /** Over the link; false: there is none. */
  send(message: Record<string, unknown>): boolean
  /** As a request; `never`: the server does not want it. */
  post(report: HealthReport): Promise<'noted' | 'failed' | 'never'>
  /** A request would be a sign of life: not before it is registered, and not after a goodbye. */
  mayPost(): boolean
}

export type Channel = 'api' | 'cloudlink'
type Examined = Omit<HealthReport, 'agoMs'> & { number: number; examinedAt: number }

const minuteMs = 60_000
const firstLookMs = 10_000
const longestPauseMs = 6 * 60 * minuteMs
/** After so long without trouble, trouble is new. */
const calmMs = 60 * minuteMs
const noteWithinMs = 3_000
const askedWithinMs = 5_000

/** After the `lookCount`-th look in the same trouble. `random` is in [0, 1). */
export function nextLookMs(lookCount: number, random: number): number {
  if (lookCount === 0) return Math.round(firstLookMs * (1 + random))
  const pauseMs = Math.min(longestPauseMs, minuteMs * 2 ** Math.min(lookCount - 1, 20))
  return Math.round(pauseMs * (0.9 + 0.2 * random))
}

export class HealthKeeper {
  readonly #ports: HealthPorts
  readonly #troubles = new Set<Channel>()
  readonly #noted = new Map<number, () => void>()
  #lookCount = 0
  #calmSinceAt = -Infinity
  /** It has looked in trouble, and not since. */
  #owesRecovery = false
  #number = 0
  #untold: Examined | null = null
  #examining: Promise<Examined> | null = null
  #telling: Promise<void> | null = null
  #stopped = false
  #cancel = () => {}

  constructor(ports: HealthPorts) {
    this.#ports = ports
  }

  noteTrouble(channel: Channel): void {
    const isNew = this.#troubles.size === 0
    this.#troubles.add(channel)
    if (!isNew) return
    const { clock, random } = this.#ports
    if (clock.now() - this.#calmSinceAt >= calmMs) this.#lookCount = 0
    this.#plan(nextLookMs(this.#lookCount, random()))
  }

  /** A contact over the channel: what could not be told goes along. */
  noteContact(channel: Channel): void {
    if (this.#untold) void this.#tell()
    if (!this.#troubles.delete(channel) || this.#troubles.size > 0) return
    const { clock, random } = this.#ports
    this.#calmSinceAt = clock.now()
    this.#cancel()
    if (this.#owesRecovery) this.#plan(Math.round(minuteMs * random()))
  }

  /** The channel is not wanted any more. */
  forget(channel: Channel): void {
    this.#troubles.delete(channel)
    if (this.#troubles.size === 0) this.#cancel()
  }

  /** What the server says over the link. */
  hear(message: Record<string, unknown>): void {
    if (message.type === 'health-noted') this.#noted.get(Number(message.number))?.()
  }

  /** It was asked to; resolves when the server knows, or after a while all the same. */
  async run(): Promise<{ text: string; proof: Record<string, string> }> {
    const { findings } = await this.#examine('asked')
    await Promise.race([this.#tell(), pause(this.#ports.clock, askedWithinMs)])
    const proof = findings.map(({ check, result, detail }) => [check, `${result}: ${detail}`])
    const short = proof.map(([check, text]) => [check, text!.slice(0, 200).toWellFormed()])
    return { text: summaryOf(findings), proof: Object.fromEntries(short) }
  }

  stop(): void {
    this.#stopped = true
    this.#cancel()
  }

  #plan(delayMs: number): void {
    this.#cancel()
    if (!this.#stopped) this.#cancel = this.#ports.clock.after(delayMs, () => void this.#look())
  }

  async #look(): Promise<void> {
    const { mayPost, random } = this.#ports
    if (!mayPost()) return this.#plan(minuteMs)
    const isTrouble = this.#troubles.size > 0
    await this.#examine(isTrouble ? 'trouble' : 'recovery')
    this.#owesRecovery = isTrouble
    void this.#tell()
    if (isTrouble) this.#lookCount++
    if (this.#troubles.size > 0) this.#plan(nextLookMs(this.#lookCount, random()))
    else if (isTrouble) this.#plan(Math.round(minuteMs * random()))
  }

  /** One at a time: who asks during one shares it. */
  #examine(cause: ExaminationCause): Promise<Examined> {
    this.#examining ??= this.#examineOnce(cause).finally(() => {
      this.#examining = null
    })
    return this.#examining
  }

  async #examineOnce(cause: ExaminationCause): Promise<Examined> {
    const { clock, examine, log } = this.#ports
    const begunAt = clock.now()
    const findings = await examine()
    const examinedAt = clock.now()
    const tookMs = Math.round(examinedAt - begunAt)
    log('info', `Health: ${summaryOf(findings)}.`)
    const examined = { number: ++this.#number, cause, findings, tookMs, examinedAt }
    this.#untold = examined
    return examined
  }

  #tell(): Promise<void> {
    this.#telling ??= this.#tellAll().finally(() => {
      this.#telling = null
    })
    return this.#telling
  }

  /** What was found meanwhile is told next; what failed waits for the next contact. */
  async #tellAll(): Promise<void> {
    let told: Examined | null = null
    while (this.#untold && this.#untold !== told && !this.#stopped) {
      told = this.#untold
      if ((await this.#tellOne(told)) && this.#untold === told) this.#untold = null
    }
  }

  async #tellOne(examined: Examined): Promise<boolean> {
    const { clock, send, post, mayPost } = this.#ports
    const { number, examinedAt, ...rest } = examined
    const report = () => {
      const agoMs = Math.round(clock.now() - examinedAt)
      return { ...rest, agoMs: Math.min(healthLimits.agoMs, Math.max(0, agoMs)) }
    }
    if (send({ type: 'health-report', number, ...report() }) && (await this.#untilNoted(number)))
      return true
    return mayPost() && (await post(report())) !== 'failed'
  }

  /** A link may stand and lead nowhere. */
  #untilNoted(number: number): Promise<boolean> {
    return new Promise<boolean>((resolve) => {
      const cancel = this.#ports.clock.after(noteWithinMs, () => resolve(false))
      this.#noted.set(number, () => {
        cancel()
        resolve(true)
      })
    }).finally(() => this.#noted.delete(number))
  }
}
