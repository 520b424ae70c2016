// Does what members ask of the device, each action once. Orders come by the link and in the answers to
// heartbeats, both, late and twice; the journal knows those that were begun. The entry is flushed before
// the effect: killed before it, nothing was done and the server sends the order again; killed after it,
// the next start looks for proof (another boot id, a container that started anew) and says
// "interrupted" where there is none. One action at a time, in the order in which they came.

import {
  type ActionKind,
  type ActionOrder,
  type ActionReport,
  isActionKind,
} from '@muster/core/actions.ts'
import type { GoodbyeBody } from '@muster/core/device-protocol.ts'
import type { Entry, Journal } from './actions-journal.ts'
import { isRecord } from './answers.ts'
import type { Log } from './loop.ts'
import { expectedBackMs } from './power.ts'
import type { Power } from './power-actions.ts'
import type { Services, Standing } from './services.ts'

export type ExecutorPorts = {
  journal: Journal
  power: Power
  services: Services
  log: Log
  tell(report: ActionReport, withinMs?: number): Promise<void>
  goodbye(goodbye: GoodbyeBody): Promise<unknown>
  /** The machine did not go down after all, or pretended to. */
  comeBack(): void
  /** Blinks or writes; says with what. */
  identify(by: string): Promise<string>
  /** Asks for the target state now; says what came of it. */
  poll(): Promise<{ ok: boolean; text: string }>
  examine(): Promise<{ text: string; proof: Record<string, string> }>
}

export type Done = { text: string; proof: Record<string, string> }
type Failed = { code: string; text: string }

/** The server should know that we go down before we do; but we go in any case. */
const tellWithinMs = 5_000

export class Executor {
  readonly #ports: ExecutorPorts
  readonly #waiting = new Set<string>()
  #chain: Promise<void> = Promise.resolve()
  #stopped = false

  constructor(ports: ExecutorPorts) {
    this.#ports = ports
  }

  /** What was under way when the agent last ran, and what the server has not noted. */
  async recover(): Promise<void> {
    const { journal, power } = this.#ports
    for (const entry of journal.all()) {
      const isDown = entry.state === 'running' && (await power.isGoingDown())
      if (isDown) continue
      const settled = entry.state === 'running' ? await this.#settle(entry) : entry
      if (!settled.isNoted) void this.#ports.tell(reportOf(settled))
    }
  }

  /** Orders as they came, from whichever side; what is not one is passed over. */
  take(orders: unknown): void {
    if (!Array.isArray(orders)) return
    for (const order of orders) if (isOrder(order)) this.#takeOne(order)
  }

  noted(report: Pick<ActionReport, 'id' | 'state'>): void {
    const { journal } = this.#ports
    const entry = journal.find(report.id)
    if (entry?.state === report.state && !entry.isNoted) this.#write({ ...entry, isNoted: true })
  }

  /** Begins nothing more. */
  stop(): void {
    this.#stopped = true
  }

  /** All that was taken is done. */
  idle(): Promise<void> {
    return this.#chain
  }

  #takeOne(order: ActionOrder): void {
    const known = this.#ports.journal.find(order.id)
    if (known) {
      void this.#ports.tell(reportOf(known))
      return
    }
    if (this.#waiting.has(order.id) || order.leftMs <= 0 || this.#stopped) return
    this.#waiting.add(order.id)
    this.#chain = this.#chain.then(async () => {
      if (!this.#stopped) await this.#run(order)
      this.#waiting.delete(order.id)
    })
  }

  async #run({ id, kind, service, by }: ActionOrder): Promise<void> {
    const { journal, power, tell, log } = this.#ports
    const before = await this.#standingOf(kind, service).catch(() => ({}))
    const entry: Entry = {
      id,
      kind,
      service: service ?? null,
      by,
      state: 'running',
      bootId: power.bootId(),
      before,
      code: null,
      text: '',
      proof: {},
      isNoted: false,
    }
    try {
      journal.write(entry)
    } catch (error) {
      // Not begun: what cannot be remembered might be done twice.
      log('warn', `The action ${kind} cannot be remembered, so it is not begun: ${textOf(error)}`)
      return
    }
    log('info', `Action ${kind}${service ? ` of ${service}` : ''}, asked by ${by}.`)
    const isPower = kind === 'reboot' || kind === 'shutdown'
    await tell(reportOf(entry), isPower ? tellWithinMs : 0)
    if (isPower) return this.#turn(entry, kind)
    try {
      this.#end(entry, await this.#effect(entry))
    } catch (error) {
      this.#end(entry, failureOf(error))
    }
  }

  async #turn(entry: Entry, kind: 'reboot' | 'shutdown'): Promise<void> {
    const { power, goodbye, comeBack } = this.#ports
    const back = kind === 'reboot' ? { expectedBackMs } : {}
    await goodbye({ cause: kind, by: entry.by, ...back })
    try {
      const isOver = await power.turn(kind)
      if (!isOver) return
      await this.#settle(entry)
    } catch (error) {
      this.#end(entry, failureOf(error))
    }
    comeBack()
    await this.#ports.tell(reportOf(this.#ports.journal.find(entry.id)!))
  }

  async #effect(entry: Entry): Promise<Done> {
    const { services, identify, poll, examine } = this.#ports
    const { kind, by } = entry
    switch (kind) {
      case 'identify': {
        const light = await identify(by)
        return { text: light === 'log' ? 'a line in the log' : 'it blinked', proof: { light } }
      }
      case 'check-updates': {
        const { ok, text } = await poll()
        if (!ok) throw new Error(text)
        return { text, proof: { answer: text } }
      }
      case 'run-checks':
        return examine()
      case 'purge-data':
        return this.#purge()
      case 'restart-service':
      case 'restart-services':
      case 'start-service':
      case 'stop-service': {
        const found = await services.find(entry.service ?? undefined)
        const act = { restart: services.restart, start: services.start, stop: services.stop }
        const word = kind.split('-')[0] as keyof typeof act
        for (const one of found) await act[word](one)
        return this.#prove(entry)
      }
      default:
        throw new Error(`this agent does not know the action ${kind}`)
    }
  }

  async #purge(): Promise<Done> {
    const { services } = this.#ports
    const all = await services.list()
    const ran = all.filter(({ container }) => container.State === 'running')
    for (const one of ran) await services.stop(one)
    try {
      const emptied = await services.empty(all)
      return {
        text: `${emptied.length} volumes are empty`,
        proof: { volumes: emptied.join(' ').slice(0, 200) },
      }
    } finally {
      for (const one of ran) await services.start(one)
    }
  }

  /** Looks again at what should have changed; throws where it has not. */
  async #prove({ kind, service, before }: Entry): Promise<Done> {
    const now = await this.#standingOf(kind, service ?? undefined)
    const unproved = Object.entries(now).filter(([id, since]) => {
      if (kind === 'stop-service') return since !== ''
      return since === '' || (kind.startsWith('restart') && since === before[id])
    })
    if (unproved.length === 0) return { text: proofTexts[kind] ?? 'done', proof: proofOf(now) }
    const ids = unproved.map(([id]) => id).join(', ')
    throw Object.assign(new Error(`no proof for ${ids}`), { code: 'not-proved' })
  }

  async #standingOf(kind: ActionKind, service: string | undefined): Promise<Standing> {
    if (!/-services?$/.test(kind) && kind !== 'purge-data') return {}
    const { services } = this.#ports
    return services.standing(await services.find(service))
  }

  /** It was under way, and we were not: what became of it? */
  async #settle(entry: Entry): Promise<Entry> {
    const { power, services } = this.#ports
    const bootId = power.bootId()
    const isNewBoot = entry.bootId !== null && bootId !== null && bootId !== entry.bootId
    if (entry.kind === 'reboot' || entry.kind === 'shutdown') {
      const boots = { before: entry.bootId ?? '', after: bootId ?? '' }
      if (isNewBoot) return this.#ended(entry, { text: 'another boot', proof: boots })
      return this.#ended(entry, interrupted('the machine did not go down'))
    }
    if (/^(?:restart|start|stop)-service/.test(entry.kind) && !isNewBoot) {
      const proved = await this.#prove(entry).catch(() => null)
      if (proved) return this.#ended(entry, proved)
    }
    // Services that ran before are not left behind stopped.
    if (entry.kind !== 'stop-service')
      for (const [id, since] of Object.entries(entry.before))
        if (since !== '') await services.start({ id }).catch(() => undefined)
    return this.#ended(entry, interrupted('the agent was stopped in the middle of it'))
  }

  #end(entry: Entry, how: Done | Failed): void {
    void this.#ports.tell(reportOf(this.#ended(entry, how)))
  }

  #ended(entry: Entry, how: Done | Failed): Entry {
    const { log } = this.#ports
    const text = how.text.replace(/\p{Cc}/gu, ' ').slice(0, 500)
    const ended: Entry =
      'code' in how
        ? { ...entry, state: 'failed', code: how.code, text, isNoted: false }
        : { ...entry, state: 'succeeded', text, proof: how.proof, isNoted: false }
    log(ended.state === 'failed' ? 'warn' : 'info', `Action ${entry.kind} ${ended.state}: ${text}.`)
    this.#write(ended)
    return ended
  }

  /** A disk that refuses costs at most that an end is looked for again. */
  #write(entry: Entry): void {
    try {
      this.#ports.journal.write(entry)
    } catch (error) {
      this.#ports.log('warn', `An action could not be written down: ${textOf(error)}`)
    }
  }
}

const proofTexts: Partial<Record<ActionKind, string>> = {
  'restart-service': 'its container has started anew',
  'restart-services': 'all containers have started anew',
  'start-service': 'its container runs',
  'stop-service': 'its container does not run',
}

const interrupted = (text: string): Failed => ({ code: 'interrupted', text })

function failureOf(error: unknown): Failed {
  const { code } = error as { code?: unknown }
  return { code: code === 'not-proved' ? code : 'failed', text: textOf(error) }
}

const textOf = (error: unknown) => (error instanceof Error ? error.message : String(error))

function proofOf(standing: Standing): Record<string, string> {
  const few = Object.entries(standing).slice(0, 20)
  return Object.fromEntries(few.map(([id, since]) => [id, since || 'stopped']))
}

export function reportOf({ id, state, code, text, proof }: Entry): ActionReport {
  return state === 'running' ? { id, state } : { id, state, code, text, proof }
}

function isOrder(order: unknown): order is ActionOrder {
  if (!isRecord(order)) return false
  const { id, kind, service, by, leftMs } = order
  return (
    typeof id === 'string' &&
    /^[0-9a-f-]{36}$/.test(id) &&
    typeof kind === 'string' &&
    isActionKind(kind) &&
    (service === undefined || typeof service === 'string') &&
    typeof by === 'string' &&
    typeof leftMs === 'number'
  )
}
