// The agent as a process: the loop with real ports, the host's facts, the door for host tools, what is
// remembered, and the end. A disk that refuses a write is a problem to tell of, never one to stop for.

import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Clock } from '@muster/core/clock.ts'
import type { RegisterBody, Report } from '@muster/core/device-protocol.ts'
import { exitCodes } from '@muster/core/errors.ts'
import { environmentName, type Wish } from './args.ts'
import { monotonicClock } from './clock.ts'
import { AnotherAgentRuns, type ControlAnswer, type ControlRequest, openDoor } from './control.ts'
import { Exit, openLink, openStateDir, openTransport, settleIdentity } from './device.ts'
import { writeDurably } from './durable.ts'
import { createHost, type Host } from './host.ts'
import { type Identity, writeIdentity } from './identity.ts'
import { type KeeperOptions, type KeeperPorts, LinkKeeper } from './link-keeper.ts'
import { type AgentLoop, createAgentLoop, type Log, stopWithinMs } from './loop.ts'
import { type Memory, readMemory, writeMemory } from './memory.ts'
import { readGoodbye } from './power.ts'
import { type Power, pretendedPower, realPower } from './power-actions.ts'
import { lasting } from './report.ts'
import { type RunningActions, startActions } from './run-actions.ts'
import { createHealth } from './run-health.ts'
import { Sshd } from './sshd.ts'
import { atRest } from './stated.ts'
import { beliefOf } from './status-view.ts'
import { AgentStreams, type AgentStreamsDeps } from './streams.ts'

export type Program = { version: string; userAgent: string; log: Log }

/** How often the host is looked at; what changed is reported at the loop's own pace. */
const lookEveryMs = 30_000

type RunWish = Extract<Wish, { command: 'run' }>
type Desk = { answer(request: ControlRequest): Promise<ControlAnswer> }

/** Runs until a signal asks for the end; resolves to the exit code. */
export async function runAgent(wish: RunWish, program: Program): Promise<number> {
  openStateDir(wish.stateDir)
  const problems = createProblems(program.log)
  const desk: Desk = { answer: async () => ({ error: 'The agent is starting; ask again.' }) }
  const door = await openDoor(wish.stateDir, (request) => desk.answer(request)).catch((error) => {
    if (error instanceof AnotherAgentRuns) throw new Exit(exitCodes.conflict, error.message)
    problems.note('socket', error)
    return null
  })
  try {
    return await runAlone(wish, program, problems, desk)
  } finally {
    door?.close()
  }
}

async function runAlone(
  wish: RunWish,
  program: Program,
  problems: Problems,
  desk: Desk,
): Promise<number> {
  const { log, userAgent, version } = program
  const { identity, server, way } = settleIdentity(wish)
  const { uuid, deviceKey } = identity
  const transport = await openTransport(server, way)
  const clock = monotonicClock()
  const machine = powerOf(wish)
  const { power } = machine
  const host = createHost({ version, diskPath: wish.stateDir })
  const memory = readMemory(wish.stateDir, { server, bootId: power.bootId() })
  const remember = () => problems.attempt('memory', () => writeMemory(wish.stateDir, memory))
  const facts = { ...host.boot, boot_id: power.bootId(), ...host.read() }
  const loop = createAgentLoop(
    { clock, transport, random: Math.random, log },
    {
      uuid,
      deviceKey,
      userAgent,
      registration: registrationFor(wish, identity, host),
      intervalMs: memory.intervalMs ?? undefined,
      cloudlinkEnabled: memory.cloudlinkEnabled ?? undefined,
      acknowledged: memory.acknowledged,
      wanted: { ...(memory.isFresh ? atRest : {}), ...memory.stated, ...facts },
      onRegistered() {
        keeper.allow(loop.state.cloudlinkEnabled)
        const registered = { ...identity, registeredWith: server }
        problems.attempt('identity', () => writeIdentity(wish.stateDir, registered))
        problems.attempt('key file', () => forgetKey(wish.forgetKeyIn))
      },
      onTarget(target) {
        keeper.allow(target.cloudlinkEnabled)
        Object.assign(memory, target)
        remember()
      },
      onAnswered(wasAway) {
        keeper.noteAnswer(wasAway)
        health.noteContact('api')
      },
      onUnanswered: () => health.noteTrouble('api'),
      onOrders: (orders) => actions.take(orders),
      onAcknowledged: (acknowledged) => keepAcknowledged(acknowledged, memory, remember),
    },
  )
  const link = { serverUrl: server, uuid, deviceKey, userAgent, clock }
  const { dial, dialBack } = await openLink(link, way)
  const say = (message: Record<string, unknown>) => keeper.send(message)
  const streams = openStreams(wish, { dialBack, say, clock, log })
  const keeper = createKeeper(program, {
    clock,
    dial,
    quietUntil: () => loop.state.quietUntil,
    onMessage(message, epoch) {
      actions.hear(message)
      streams.take(message, epoch)
      health.hear(message)
    },
    onUp: () => health.noteContact('cloudlink'),
    onDown: (isWanted) => health[isWanted ? 'noteTrouble' : 'forget']('cloudlink'),
  })
  const device = { identity, userAgent }
  const parts = { ...wish, power, loop, clock, log, transport, device, keeper: () => keeper }
  const health = createHealth({ ...parts, way, serverUrl: server })
  const actions: RunningActions = startActions({ ...parts, examine: () => health.run() })
  if (identity.registeredWith !== null)
    problems.attempt('key file', () => forgetKey(wish.forgetKeyIn))
  const running = { pid: process.pid, version, startedAt: clock.now(), uuid, server }
  const belief = () =>
    beliefOf(loop.state, { ...running, link: keeper.state, problems: problems.list() }, clock.now())
  desk.answer = (request) => answerControl(request, { loop, memory, remember, belief })
  log('info', `Device ${uuid}, server ${server}.`)
  loop.start()
  if (loop.state.registered) keeper.allow(loop.state.cloudlinkEnabled)
  const stopLooking = keepLooking(host, loop, clock)
  const isOff = await Promise.race([askedToStop(), machine.off])
  stopLooking()
  for (const part of [actions, streams, keeper, health]) part.stop()
  await takeLeave(loop, clock, isOff)
  transport.close()
  return exitCodes.ok
}

function keepAcknowledged(acknowledged: Report, memory: Memory, remember: () => void): void {
  const kept = lasting(acknowledged)
  if (JSON.stringify(kept) === JSON.stringify(memory.acknowledged)) return
  memory.acknowledged = kept
  remember()
}

/** Says goodbye, unless that was said; takes 3 s at most. */
async function takeLeave(loop: AgentLoop, clock: Clock, isOff: boolean): Promise<void> {
  const cancelEnd = clock.after(stopWithinMs, () => process.exit(exitCodes.ok))
  await loop.stop({ goodbye: isOff ? null : await readGoodbye() })
  cancelEnd()
}

/** `off` resolves when the machine would be off, as pretended. */
function powerOf({ pretendPower, stateDir }: RunWish): { power: Power; off: Promise<true> } {
  let power = realPower()
  const off = new Promise<true>((resolve) => {
    if (pretendPower) power = pretendedPower(stateDir, () => resolve(true))
  })
  return { power, off }
}

type KeeperParts = Pick<KeeperPorts, 'clock' | 'dial'> & Required<Omit<KeeperOptions, 'instance'>>

function createKeeper({ log }: Program, { clock, dial, ...options }: KeeperParts): LinkKeeper {
  const instance = randomBytes(9).toString('base64url')
  return new LinkKeeper({ clock, random: Math.random, log, dial }, { instance, ...options })
}

function openStreams(
  { stateDir, sshUsers, streamTargets: allowed }: RunWish,
  ports: Pick<AgentStreamsDeps, 'dialBack' | 'say' | 'clock' | 'log'>,
): AgentStreams {
  const sshd = new Sshd({ stateDir, users: sshUsers, log: ports.log })
  return new AgentStreams({ ...ports, sshd, allowed })
}

function registrationFor(wish: RunWish, identity: Identity, host: Host) {
  if (identity.registeredWith !== null || wish.provisioningKey === null) return undefined
  const body = registerBodyOf(wish, identity, host)
  return { provisioningKey: wish.provisioningKey, body }
}

/** What the device says of itself when it registers. */
export function registerBodyOf(
  wish: { name: string | null; deviceType: string | null },
  { uuid, deviceKey }: Identity,
  host: Host,
): RegisterBody {
  const { os_version: osVersion, os_variant: osVariant } = host.boot
  const macAddress = host.read().mac_address
  return {
    uuid,
    api_key: deviceKey,
    ...(wish.name === null ? {} : { device_name: wish.name }),
    ...(wish.deviceType === null ? {} : { device_type: wish.deviceType }),
    ...(osVersion ? { os_version: osVersion.slice(0, 100) } : {}),
    ...(osVariant ? { os_variant: osVariant.slice(0, 100) } : {}),
    ...(macAddress ? { mac_address: macAddress.slice(0, 2_000) } : {}),
  }
}

async function answerControl(
  request: ControlRequest,
  running: { loop: AgentLoop; memory: Memory; remember(): void; belief(): ControlAnswer },
): Promise<ControlAnswer> {
  const { loop, memory } = running
  switch (request.ask) {
    case 'status':
      return running.belief()
    case 'report':
      memory.stated = { ...memory.stated, ...request.report }
      loop.offer(request.report)
      running.remember()
      return { accepted: true }
    case 'goodbye':
      return { outcome: await loop.leave(request.goodbye) }
    default:
      return { error: 'The agent does not know this request; is it older than this command?' }
  }
}

function keepLooking(host: Host, loop: AgentLoop, clock: Clock): () => void {
  let cancel = clock.after(lookEveryMs, look)
  function look(): void {
    loop.offer(host.read())
    cancel = clock.after(lookEveryMs, look)
  }
  return () => cancel()
}

/** Resolves once a signal asks for the end. */
function askedToStop(): Promise<false> {
  return new Promise((resolve) => {
    process.once('SIGTERM', () => resolve(false))
    process.once('SIGINT', () => resolve(false))
  })
}

/** Empties the provisioning key in the environment file; the device has its own key now. */
function forgetKey(path: string | null): void {
  if (path === null) return
  const text = readFileSync(path, 'utf8')
  const name = environmentName('provisioning-key')
  const emptied = text.replace(new RegExp(`^(\\s*(?:export )?${name}=).+$`, 'm'), '$1')
  if (emptied !== text) writeDurably(path, emptied)
}

export type Problems = ReturnType<typeof createProblems>

/** What goes wrong on the disk, by what it hits; gone once it works again. */
export function createProblems(log: Log) {
  const found = new Map<string, string>()
  const note = (what: string, error: unknown) => {
    const why = (error as Error).message
    if (found.get(what) !== why) log('warn', `The ${what} could not be written: ${why}`)
    found.set(what, why)
  }
  return {
    note,
    attempt(what: string, write: () => void) {
      try {
        write()
        if (found.delete(what)) log('info', `The ${what} can be written again.`)
      } catch (error) {
        note(what, error)
      }
    },
    list: () => [...found].map(([what, why]) => ({ what, why })),
  }
}
