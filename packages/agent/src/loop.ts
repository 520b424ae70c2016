// The agent's loop: register once, beat for ever, report what changed, say goodbye. It holds no Node
// I/O: clock, transport and chance are ports, so the simulator runs thousands of these very loops on
// one simulated clock, and a seed replays every one of them.
//
// Each purpose is an errand with the instant at which it is due, and one timer stands at the earliest.
// An errand in flight is not due, so there is never more than one request per purpose. What to do with
// an answer is decided by the pure parts: answers.ts, pace.ts, report.ts. Rejected: one coroutine per
// purpose, which needs a timer and a cancellation each, and hides from the outside what is next.

import { type Clock, pause } from '@muster/core/clock.ts'
import type { GoodbyeBody, RegisterBody, Report } from '@muster/core/device-protocol.ts'
import { configNames } from '@muster/core/device-wire.ts'
import { defaultPolicy } from '@muster/core/policy.ts'
import {
  type Failure,
  isRecord,
  judgeAnswer,
  judgeFailure,
  notOurAnswer,
  type Outcome,
  parseJson,
} from './answers.ts'
import { answerWithinMs, intervalFrom, nextBeatMs, retryMs } from './pace.ts'
import { differenceOf, neverSent, reportAt, reportDueAt, sentWith } from './report.ts'
import type { Answer, Call, Transport } from './transport.ts'

export type Log = (level: 'info' | 'warn', text: string) => void

export type LoopPorts = {
  clock: Clock
  transport: Transport
  /** In [0, 1). */
  random(): number
  log: Log
}

export type LoopOptions = {
  uuid: string
  deviceKey: string
  userAgent: string
  /** Absent: the device is registered already. */
  registration?: { provisioningKey: string; body: RegisterBody } | undefined
  /** What was known when the agent last ran. */
  intervalMs?: number | undefined
  cloudlinkEnabled?: boolean | undefined
  acknowledged?: Report | undefined
  /** What to report from the start; `offer` adds to it. */
  wanted?: Report | undefined
  onRegistered?: () => void
  onTarget?: (target: { intervalMs: number; cloudlinkEnabled: boolean }) => void
  onAcknowledged?: (acknowledged: Report) => void
  /** What the server wants to be done came with the answer to a heartbeat. */
  onOrders?: (orders: unknown) => void
  /** A heartbeat went through; `wasAway`: after some that did not. */
  onAnswered?: (wasAway: boolean) => void
  /** A heartbeat did not. */
  onUnanswered?: () => void
}

export type ErrandName = 'register' | 'heartbeat' | 'report'

/** Instants are those of the loop's clock, in ms. */
export type Errand = {
  readonly name: ErrandName
  inFlight: boolean
  /** When it is to be done next; Infinity: nothing to do. */
  dueAt: number
  /** Failures since it last went well. */
  failureCount: number
  last: Outcome | null
  okAt: number | null
}

export type LoopState = {
  readonly phase: 'new' | 'running' | 'stopping' | 'stopped'
  readonly registered: boolean
  readonly intervalMs: number
  readonly cloudlinkEnabled: boolean
  /** Silent until then, because the device said goodbye; -Infinity: it did not. */
  readonly quietUntil: number
  readonly errands: { readonly [N in ErrandName]: Readonly<Errand> }
  readonly wanted: Report
  readonly acknowledged: Report
}

export interface AgentLoop {
  start(): void
  /** Stops beating; with `goodbye`, says so first. Takes 3 s at most. Resolves to how that went. */
  stop(options?: { goodbye?: GoodbyeBody | null }): Promise<Outcome | null>
  /** Says goodbye now and falls silent until the stop that it announces, or until it must have failed. */
  leave(goodbye: GoodbyeBody): Promise<Outcome>
  /** The stop that was announced did not come, or is over: beats again at once. */
  comeBack(): void
  /** Asks for the target state now; resolves to what came of it. */
  poll(): Promise<{ ok: boolean; text: string }>
  /** What is true now; keys not named stay as they were. */
  offer(report: Report): void
  readonly state: LoopState
}

export const stopWithinMs = 3_000
/** A shutdown that was announced and did not come within this is not coming. */
const quietMs = 300_000

export function createAgentLoop(ports: LoopPorts, options: LoopOptions): AgentLoop {
  return new Loop(ports, options)
}

class Loop implements AgentLoop {
  private readonly ports: LoopPorts
  private readonly options: LoopOptions
  private readonly headers: Record<string, string>
  private readonly register = errand('register')
  private readonly heartbeat = errand('heartbeat')
  private readonly report = errand('report')
  private readonly errands: readonly Errand[] = [this.register, this.heartbeat, this.report]
  private phase: LoopState['phase'] = 'new'
  private registered: boolean
  private intervalMs: number
  private cloudlinkEnabled: boolean
  private etag: string | null = null
  private wanted: Report
  private acknowledged: Report
  private sent = neverSent
  private sentBefore = neverSent
  private quietUntil = -Infinity
  private announced: { goodbye: GoodbyeBody; heard: boolean } | null = null
  private cancelTimer: (() => void) | null = null
  private armedAt = Infinity
  private whenIdle: (() => void) | null = null
  private polls: (() => void)[] = []

  constructor(ports: LoopPorts, options: LoopOptions) {
    this.ports = ports
    this.options = options
    this.registered = options.registration === undefined
    this.intervalMs = options.intervalMs ?? defaultPolicy.heartbeatIntervalMs
    this.cloudlinkEnabled = options.cloudlinkEnabled ?? defaultPolicy.cloudlinkEnabled
    this.acknowledged = options.acknowledged ?? {}
    this.wanted = { ...this.acknowledged, ...options.wanted }
    this.headers = this.headersWith(options.deviceKey)
  }

  get state(): LoopState {
    const { register, heartbeat, report } = this
    return { ...this.standing(), errands: { register, heartbeat, report } }
  }

  start(): void {
    if (this.phase !== 'new') return
    this.phase = 'running'
    if (this.registered) this.begin()
    else this.register.dueAt = this.ports.clock.now()
    this.wake()
  }

  offer(report: Report): void {
    this.wanted = { ...this.wanted, ...report }
    this.planReport()
    this.arm()
  }

  comeBack(): void {
    this.quietUntil = -Infinity
    this.announced = null
    if (this.registered) this.heartbeat.dueAt = this.ports.clock.now()
    this.arm()
  }

  poll(): Promise<{ ok: boolean; text: string }> {
    if (!this.registered) return Promise.resolve({ ok: false, text: 'it is not registered' })
    this.heartbeat.dueAt = this.ports.clock.now()
    const beaten = new Promise<void>((resolve) => this.polls.push(resolve))
    this.arm()
    return beaten.then(() => {
      const { last } = this.heartbeat
      const ok = last?.kind === 'ok'
      return { ok, text: ok ? 'the target state is up to date' : (last?.text ?? 'no answer') }
    })
  }

  async leave(goodbye: GoodbyeBody): Promise<Outcome> {
    this.quietUntil = this.ports.clock.now() + quietMs
    const announced = { goodbye, heard: false }
    this.announced = announced
    this.arm()
    await this.idle(stopWithinMs / 3)
    return this.sayGoodbye(announced, stopWithinMs)
  }

  async stop({ goodbye = null }: { goodbye?: GoodbyeBody | null } = {}): Promise<Outcome | null> {
    const { clock } = this.ports
    if (this.phase === 'new') this.phase = 'stopped'
    if (this.phase !== 'running') return null
    this.phase = 'stopping'
    this.arm()
    const untilAt = clock.now() + stopWithinMs
    await this.idle(stopWithinMs / 3)
    const announced = this.announced ?? (goodbye && { goodbye, heard: false })
    let outcome: Outcome | null = null
    if (announced && !announced.heard && this.registered)
      outcome = await this.sayGoodbye(announced, Math.max(1, untilAt - clock.now()))
    this.phase = 'stopped'
    return outcome
  }

  /** Waits for what is in flight, so that it cannot overtake the goodbye; then gives it up. */
  private async idle(patienceMs: number): Promise<void> {
    if (!this.errands.some((each) => each.inFlight)) return
    const patience = new AbortController()
    this.whenIdle = () => patience.abort()
    await pause(this.ports.clock, patienceMs, patience.signal)
    this.whenIdle = null
    if (!patience.signal.aborted) this.ports.transport.abort?.()
  }

  private async sayGoodbye(
    announced: { goodbye: GoodbyeBody; heard: boolean },
    timeoutMs: number,
  ): Promise<Outcome> {
    const path = `/device/v1/${this.options.uuid}/goodbye`
    const body = JSON.stringify(announced.goodbye)
    const call = { method: 'POST', path, headers: this.jsonHeaders(), body, timeoutMs } as const
    const outcome = await this.request(call).then(judgeAnswer, judgeFailure)
    announced.heard = outcome.kind === 'ok'
    if (outcome.kind === 'ok') this.ports.log('info', 'The server took the goodbye.')
    else this.ports.log('warn', `The goodbye was not taken: ${outcome.text}`)
    return outcome
  }

  private readonly wake = (): void => {
    this.cancelTimer = null
    this.armedAt = Infinity
    const now = this.ports.clock.now()
    if (this.isDue(this.register, now)) this.sendRegistration()
    if (this.isDue(this.heartbeat, now)) this.sendHeartbeat()
    if (this.isDue(this.report, now)) this.sendReport(now)
    this.arm()
  }

  private isDue(errand: Errand, now: number): boolean {
    return now >= this.dueAtOf(errand)
  }

  private dueAtOf(errand: Errand): number {
    if (errand.inFlight || this.phase !== 'running') return Infinity
    return Math.max(errand.dueAt, this.quietUntil)
  }

  private arm(): void {
    let at = Infinity
    for (const each of this.errands) at = Math.min(at, this.dueAtOf(each))
    if (at === this.armedAt) return
    this.cancelTimer?.()
    this.cancelTimer = null
    this.armedAt = at
    if (at === Infinity) return
    const delayMs = Math.max(0, Math.ceil(at - this.ports.clock.now()))
    this.cancelTimer = this.ports.clock.after(delayMs, this.wake)
  }

  /** Registered: the first heartbeat and the first report are due. */
  private begin(): void {
    this.register.dueAt = Infinity
    this.heartbeat.dueAt = this.ports.clock.now()
    this.planReport()
  }

  private planReport(): void {
    if (!this.registered) return
    const dueAt = reportDueAt(differenceOf(this.wanted, this.acknowledged), this.sent)
    const { failureCount, dueAt: retryAt } = this.report
    const mayRetryAt = failureCount > 0 && retryAt !== Infinity ? retryAt : -Infinity
    this.report.dueAt = Math.max(dueAt, mayRetryAt)
  }

  private sendRegistration(): void {
    const { provisioningKey, body } = this.options.registration!
    const headers = {
      ...this.headersWith(provisioningKey),
      'content-type': 'application/json',
    }
    const call = { method: 'POST', path: '/device/register', headers, body: JSON.stringify(body) }
    this.send(this.register, call as Omit<Call, 'timeoutMs'>, (answer) => {
      if (answer.status !== 201)
        return notOurAnswer(`the server answered ${answer.status}, not 201`)
      this.registered = true
      this.options.onRegistered?.()
      this.ports.log('info', 'Registered.')
      this.begin()
      return null
    })
  }

  private sendHeartbeat(): void {
    const { etag } = this
    const headers = etag === null ? this.headers : { ...this.headers, 'if-none-match': etag }
    const path = `/device/v3/${this.options.uuid}/state`
    const sentAt = this.ports.clock.now()
    this.announced = null
    this.send(this.heartbeat, { method: 'GET', path, headers, body: null }, (answer) => {
      const failure = answer.status === 200 ? this.takeTarget(answer) : null
      if (failure) return failure
      const wasAway = this.heartbeat.failureCount > 0
      if (wasAway) this.retryReportNow()
      this.options.onAnswered?.(wasAway)
      this.heartbeat.dueAt = sentAt + nextBeatMs(this.intervalMs, this.ports.random())
      return null
    })
  }

  /** The server is back: what it missed need not wait for its own retry. */
  private retryReportNow(): void {
    this.report.failureCount = 0
    this.planReport()
  }

  private takeTarget(answer: Answer): Failure | null {
    const target = parseJson(answer.body)
    const own = isRecord(target) ? target[this.options.uuid] : undefined
    if (!isRecord(own) || !isRecord(own.config))
      return notOurAnswer('the answer is not a target state of this device; is this the server?')
    const intervalMs = intervalFrom(own.config[configNames.heartbeatIntervalMs]) ?? this.intervalMs
    const cloudlinkEnabled = own.config[configNames.cloudlinkEnabled] !== 'false'
    if (own.actions !== undefined) this.options.onOrders?.(own.actions)
    const changed = intervalMs !== this.intervalMs || cloudlinkEnabled !== this.cloudlinkEnabled
    this.etag = answer.headers.etag ?? null
    this.intervalMs = intervalMs
    this.cloudlinkEnabled = cloudlinkEnabled
    if (changed) {
      this.ports.log('info', `Policy: a heartbeat every ${intervalMs / 1_000} s.`)
      this.options.onTarget?.({ intervalMs, cloudlinkEnabled })
    }
    return null
  }

  private sendReport(now: number): void {
    const report = reportAt(this.wanted, this.acknowledged, this.sent, now)
    if (!report) {
      this.planReport()
      return
    }
    const path = '/device/v3/state'
    const body = JSON.stringify({ [this.options.uuid]: report })
    this.sentBefore = this.sent
    this.sent = sentWith(this.sent, report, now)
    const headers = this.jsonHeaders()
    this.send(this.report, { method: 'PATCH', path, headers, body }, () => {
      this.acknowledged = { ...this.acknowledged, ...report }
      this.options.onAcknowledged?.(this.acknowledged)
      this.report.failureCount = 0
      this.planReport()
      return null
    })
  }

  /** One request of an errand. `accept` takes a good answer, plans what follows, or finds fault. */
  private send(
    errand: Errand,
    call: Omit<Call, 'timeoutMs'>,
    accept: (answer: Answer) => Failure | null,
  ): void {
    errand.inFlight = true
    const timeoutMs = answerWithinMs(this.intervalMs)
    this.request({ ...call, timeoutMs }).then(
      (answer) => this.settle(errand, judgeAnswer(answer), () => accept(answer)),
      (error) => this.settle(errand, judgeFailure(error), () => null),
    )
  }

  private settle(errand: Errand, judged: Outcome, accept: () => Failure | null): void {
    errand.inFlight = false
    const { failureCount } = errand
    const outcome = judged.kind === 'ok' ? (accept() ?? judged) : judged
    this.say(errand, outcome, failureCount)
    errand.last = outcome
    if (outcome.kind === 'ok') {
      errand.failureCount = 0
      errand.okAt = this.ports.clock.now()
    } else {
      if (errand === this.report) this.forgetMetricsPace()
      if (outcome.kind === 'frozen') this.waitInFrost(errand)
      else this.backOff(errand, outcome)
      if (errand === this.heartbeat && outcome.kind !== 'frozen') this.options.onUnanswered?.()
    }
    if (errand === this.heartbeat) for (const resolve of this.polls.splice(0)) resolve()
    if (!this.errands.some((each) => each.inFlight)) this.whenIdle?.()
    this.arm()
  }

  private backOff(errand: Errand, { retryAfterMs }: Failure): void {
    const { clock, random } = this.ports
    errand.failureCount++
    const delayMs = retryMs(errand.failureCount, this.intervalMs, random(), retryAfterMs)
    errand.dueAt = clock.now() + delayMs
  }

  /** Metrics that were lost on the way go with the next try, not in five minutes. */
  private forgetMetricsPace(): void {
    this.sent = { ...this.sent, metricsAt: this.sentBefore.metricsAt }
  }

  /** Frozen is contact: the next try is a whole interval away, and nothing has failed. */
  private waitInFrost(errand: Errand): void {
    errand.failureCount = errand === this.report ? 1 : 0
    const delayMs = nextBeatMs(this.intervalMs, this.ports.random())
    errand.dueAt = this.ports.clock.now() + delayMs
  }

  /** Once per change, so that a day without a server is a line and not a day of lines. */
  private say(errand: Errand, outcome: Outcome, failureCount: number): void {
    const { last } = errand
    const name = errand === this.register ? 'registration' : errand.name
    if (outcome.kind === 'ok') {
      if (last && last.kind !== 'ok')
        this.ports.log('info', `The ${name} went through after ${failureCount} that did not.`)
    } else if (last?.kind !== outcome.kind || last.text !== outcome.text)
      this.ports.log('warn', `The ${name} did not go through: ${outcome.text}`)
  }

  private async request(call: Call): Promise<Answer> {
    return this.ports.transport.request(call)
  }

  private headersWith(key: string): Record<string, string> {
    return { authorization: `Bearer ${key}`, 'user-agent': this.options.userAgent }
  }

  private jsonHeaders(): Record<string, string> {
    return { ...this.headers, 'content-type': 'application/json' }
  }

  private standing(): Omit<LoopState, 'errands'> {
    const { phase, registered, intervalMs, cloudlinkEnabled, quietUntil } = this
    const { wanted, acknowledged } = this
    return { phase, registered, intervalMs, cloudlinkEnabled, quietUntil, wanted, acknowledged }
  }
}

function errand(name: ErrandName): Errand {
  return { name, inFlight: false, dueAt: Infinity, failureCount: 0, last: null, okAt: null }
}
