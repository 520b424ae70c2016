// The commands beside `run`. Each speaks through the running agent where there is one, because two
// voices of one device would contradict each other, and to the server itself where there is none.

import type { GoodbyeBody, Report, ServerOpinion } from '@muster/core/device-protocol.ts'
import { exitCodes } from '@muster/core/errors.ts'
import { isRecord, type Outcome, parseJson } from './answers.ts'
import type { Wish } from './args.ts'
import { AnotherAgentRuns, askAgent, openDoor } from './control.ts'
import {
  askServer,
  Exit,
  exitCodeOf,
  loadDevice,
  openStateDir,
  openTransport,
  settleIdentity,
} from './device.ts'
import { createHost, readBootId } from './host.ts'
import { type Identity, writeIdentity } from './identity.ts'
import { readMemory, writeMemory } from './memory.ts'
import { createProblems, type Program, registerBodyOf } from './run.ts'
import { reportOf, stageReport } from './stated.ts'
import { type Belief, type StatusView, statusText } from './status-view.ts'

type WishOf<C extends Wish['command']> = Extract<Wish, { command: C }>
export type Print = (text: string) => void

/** Registers and leaves: the device is then provisioned and has not come online. */
export async function registerDevice(
  wish: WishOf<'register'>,
  program: Program,
  print: Print,
): Promise<number> {
  openStateDir(wish.stateDir)
  const busy = async () => ({ error: 'The device is being registered; ask again.' })
  const door = await openDoor(wish.stateDir, busy).catch((error) => {
    if (error instanceof AnotherAgentRuns) throw new Exit(exitCodes.conflict, error.message)
    return null
  })
  try {
    return await registerAlone(wish, program, print)
  } finally {
    door?.close()
  }
}

async function registerAlone(
  wish: WishOf<'register'>,
  program: Program,
  print: Print,
): Promise<number> {
  const { identity, server, way } = settleIdentity(wish)
  const { userAgent } = program
  const transport = await openTransport(server, way)
  try {
    if (identity.registeredWith === null) {
      const host = createHost({ version: program.version, diskPath: wish.stateDir })
      const body = registerBodyOf(wish, identity, host)
      const device = { identity, userAgent, key: wish.provisioningKey! }
      const call = { method: 'POST', path: '/device/register', body } as const
      const { outcome } = await askServer(transport, device, call)
      if (outcome.kind !== 'ok') throw failed('The device is not registered', outcome)
      const registered = { ...identity, registeredWith: server }
      const problems = createProblems(program.log)
      problems.attempt('identity', () => writeIdentity(wish.stateDir, registered))
    }
    print(`${identity.uuid}\n`)
    if (wish.stageProgress === null) return exitCodes.ok
    const outcome = await patchState(
      transport,
      identity,
      userAgent,
      stageReport(wish.stageProgress),
    )
    if (outcome.kind !== 'ok') throw failed('The stage was not reported', outcome)
    return exitCodes.ok
  } finally {
    transport.close()
  }
}

export async function reportFromTool(
  wish: WishOf<'report'>,
  program: Program,
  print: Print,
): Promise<number> {
  const report: Report = Object.assign({}, ...wish.statements.map(reportOf))
  const taken = await askAgent(wish.stateDir, { ask: 'report', report })
  if (taken?.error) throw new Exit(exitCodes.failed, String(taken.error))
  if (taken) {
    print('The agent reports it.\n')
    return exitCodes.ok
  }
  const { identity, server, way } = loadDevice(wish)
  const transport = await openTransport(server, way)
  const outcome = await patchState(transport, identity, program.userAgent, report)
  transport.close()
  if (outcome.kind !== 'ok') throw failed('It was not reported', outcome)
  rememberReport(wish.stateDir, server, report, program)
  print('Reported; no agent runs here.\n')
  return exitCodes.ok
}

/** So that the agent, once it starts in this boot, does not take it back. */
function rememberReport(stateDir: string, server: string, report: Report, program: Program): void {
  const memory = readMemory(stateDir, { server, bootId: readBootId() })
  memory.stated = { ...memory.stated, ...report }
  const problems = createProblems(program.log)
  problems.attempt('memory', () => writeMemory(stateDir, memory))
}

export async function sayGoodbye(
  wish: WishOf<'goodbye'>,
  program: Program,
  print: Print,
): Promise<number> {
  const { cause, by, expectedBackMs } = wish
  const goodbye: GoodbyeBody = { cause, by, expectedBackMs }
  const taken = await askAgent(wish.stateDir, { ask: 'goodbye', goodbye })
  if (taken?.error) throw new Exit(exitCodes.failed, String(taken.error))
  const outcome = taken ? (taken.outcome as Outcome) : await sayItOurselves(wish, program, goodbye)
  if (outcome.kind !== 'ok') throw failed('The goodbye was not taken', outcome)
  print('The server knows.\n')
  return exitCodes.ok
}

async function sayItOurselves(
  wish: WishOf<'goodbye'>,
  { userAgent }: Program,
  body: GoodbyeBody,
): Promise<Outcome> {
  const { identity, server, way } = loadDevice(wish)
  const transport = await openTransport(server, way)
  const path = `/device/v1/${identity.uuid}/goodbye`
  const call = { method: 'POST', path, body } as const
  const { outcome } = await askServer(transport, { identity, userAgent }, call)
  transport.close()
  return outcome
}

export async function showStatus(
  wish: WishOf<'status'>,
  program: Program,
  print: Print,
): Promise<number> {
  const { identity, server, way } = loadDevice(wish)
  const agent = (await askAgent(wish.stateDir, { ask: 'status' })) as Belief | null
  const transport = await openTransport(server, way)
  const path = `/device/v1/${identity.uuid}/status`
  const device = { identity, userAgent: program.userAgent }
  const { outcome, answer } = await askServer(transport, device, { method: 'GET', path })
  transport.close()
  const says = answer && outcome.kind === 'ok' ? parseJson(answer.body) : null
  const view: StatusView = {
    uuid: identity.uuid,
    server,
    registered: identity.registeredWith !== null,
    agent: agent && 'pid' in agent ? agent : null,
    opinion: isOpinion(says)
      ? { reached: true, says }
      : { reached: false, why: outcome.kind === 'ok' ? 'its answer is not one' : outcome.text },
  }
  print(wish.json ? `${JSON.stringify(view, null, 2)}\n` : statusText(view))
  if (!view.opinion.reached) return outcome.kind === 'ok' ? exitCodes.failed : exitCodeOf(outcome)
  return view.agent ? exitCodes.ok : exitCodes.failed
}

function isOpinion(value: unknown): value is ServerOpinion {
  return isRecord(value) && typeof value.now === 'number' && isRecord(value.device)
}

async function patchState(
  transport: Parameters<typeof askServer>[0],
  identity: Identity,
  userAgent: string,
  report: Report,
): Promise<Outcome> {
  const body = { [identity.uuid]: report }
  const call = { method: 'PATCH', path: '/device/v3/state', body } as const
  return (await askServer(transport, { identity, userAgent }, call)).outcome
}

function failed(what: string, outcome: Exclude<Outcome, { kind: 'ok' }>): Exit {
  return new Exit(exitCodeOf(outcome), `${what}: ${outcome.text}`)
}
