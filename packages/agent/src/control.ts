// The agent's door on its own machine: a unix socket in the state folder, through which host tools and
// `status` speak to the running agent, and by which there is only one. Each agent first opens a door
// of its own and then looks for others: of two that start together at least one sees the other and
// gives way, and the kernel closes the door of one that was killed. Rejected: a file with a process
// id, which outlives its process and lies once the id is used again.

import { randomBytes } from 'node:crypto'
import { chmodSync, readdirSync, rmSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import type { GoodbyeBody, Report } from '@muster/core/device-protocol.ts'
import { parseJson } from './answers.ts'

export type ControlRequest =
  | { ask: 'status' }
  | { ask: 'report'; report: Report }
  | { ask: 'goodbye'; goodbye: GoodbyeBody }

export type ControlAnswer = Record<string, unknown>

export type Door = { close(): void }

const doorPattern = /^agent\.[0-9a-f]+\.sock$/
const maxRequestBytes = 256 * 1024
const answerWithinMs = 5_000
/** What a unix socket's address can hold, less the name of the door. */
export const maxStateDirBytes = 107 - '/agent.00000000.sock'.length

export class AnotherAgentRuns extends Error {
  override readonly name = 'AnotherAgentRuns'
}

/** Opens the door, or throws AnotherAgentRuns, or what the disk says. */
export async function openDoor(
  stateDir: string,
  answer: (request: ControlRequest) => Promise<ControlAnswer>,
): Promise<Door> {
  const name = `agent.${randomBytes(4).toString('hex')}.sock`
  const path = join(stateDir, name)
  const server = createServer({ allowHalfOpen: true }, (socket) => void serve(socket, answer))
  await listening(server, path)
  chmodSync(path, 0o600)
  for (const other of doorsIn(stateDir)) {
    if (other === name) continue
    const socket = await knock(join(stateDir, other))
    if (!socket) {
      rmSync(join(stateDir, other), { force: true })
      continue
    }
    socket.destroy()
    server.close()
    throw new AnotherAgentRuns(`another agent runs on ${stateDir}; one device needs one agent`)
  }
  return { close: () => void server.close() }
}

/** Asks the running agent; null when none runs. */
export async function askAgent(
  stateDir: string,
  request: ControlRequest,
): Promise<ControlAnswer | null> {
  for (const name of doorsIn(stateDir)) {
    const socket = await knock(join(stateDir, name))
    if (!socket) continue
    socket.end(JSON.stringify(request))
    const answer = parseJson(await textFrom(socket, maxRequestBytes * 4))
    return (answer ?? { error: 'the agent did not answer' }) as ControlAnswer
  }
  return null
}

function doorsIn(stateDir: string): string[] {
  try {
    return readdirSync(stateDir).filter((name) => doorPattern.test(name))
  } catch {
    return []
  }
}

function listening(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, () => resolve())
  })
}

/** The open socket, or null when nobody is behind the door. */
function knock(path: string): Promise<Socket | null> {
  return new Promise((resolve) => {
    const socket = connect({ path, allowHalfOpen: true })
    socket.once('error', () => resolve(null))
    socket.once('connect', () => resolve(socket))
  })
}

async function serve(
  socket: Socket,
  answer: (request: ControlRequest) => Promise<ControlAnswer>,
): Promise<void> {
  socket.on('error', () => socket.destroy())
  const request = parseJson(await textFrom(socket, maxRequestBytes))
  if (request === undefined) {
    socket.destroy()
    return
  }
  const reply = await answer(request as ControlRequest).catch((error: Error) => ({
    error: error.message,
  }))
  socket.end(JSON.stringify(reply))
}

/** Everything the other side says until it has finished; empty when it says too much or is too slow. */
function textFrom(socket: Socket, maxBytes: number): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    socket.setEncoding('utf8')
    socket.setTimeout(answerWithinMs, () => socket.destroy())
    socket.on('data', (part: string) => {
      text += part
      if (text.length > maxBytes) socket.destroy()
    })
    socket.once('end', () => resolve(text))
    socket.once('error', () => resolve(''))
    socket.once('close', () => resolve(''))
  })
}
