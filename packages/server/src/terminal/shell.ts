// A shell on a device, over SSH to its own sshd. The key is made for this one session and never leaves
// this process; the device is told its public half with the stream. The device must prove to be the
// one whose host key was vouched for, so whoever carries the stream cannot pose as it.

import type { Duplex } from 'node:stream'
import { Refusal } from '@muster/core/errors.ts'
import ssh2, { type ClientChannel } from 'ssh2'
import type { SshWay } from './ports.ts'

// CommonJS: its names are not all seen from here.
const { Client, utils } = ssh2
type Client = ssh2.Client

export type Window = { columns: number; rows: number }
export type Exit = { code: number | null; signal: string | null }

export type Shell = {
  readonly channel: Duplex
  resize(window: Window): void
  /** How the program ended; null: the connection was lost. */
  readonly ended: Promise<Exit | null>
  close(): void
}

export type OneTimeKey = { publicKey: string; privateKey: string }

const handshakeMs = 20_000
const terminalType = 'xterm-256color'

export function createOneTimeKey(): OneTimeKey {
  const { public: line, private: privateKey } = utils.generateKeyPairSync('ed25519')
  // Type and key, without the comment that may follow.
  return { publicKey: line.split(' ').slice(0, 2).join(' ').trim(), privateKey }
}

/** Refuses with `stream-lost` what does not come to a shell. */
export async function openShell(
  { duplex, hostKey }: SshWay,
  { privateKey }: OneTimeKey,
  { user, window, service }: { user: string; window: Window; service: string | null },
): Promise<Shell> {
  const client = new Client()
  const lost = Promise.withResolvers<never>()
  lost.promise.catch(() => undefined)
  // It stays: a late error of a connection that is over is no fault of ours.
  client.on('error', (error) => lost.reject(refusalOf(error)))
  client.on('close', () => lost.reject(new Refusal('stream-lost', 'the device has closed it')))
  const ready = new Promise<void>((resolve) => client.once('ready', resolve))
  client.connect({
    sock: duplex,
    username: user,
    privateKey,
    readyTimeout: handshakeMs,
    hostVerifier: (key: Buffer) => hostKey === null || isSameKey(hostKey, key),
  })
  try {
    await Promise.race([ready, lost.promise])
    const channel = await Promise.race([openChannel(client, window, service), lost.promise])
    return shellOf(client, channel)
  } catch (error) {
    client.destroy()
    duplex.destroy()
    throw error
  }
}

function openChannel(
  client: Client,
  { columns: cols, rows }: Window,
  service: string | null,
): Promise<ClientChannel> {
  const pty = { term: terminalType, cols, rows }
  return new Promise((resolve, reject) => {
    const take = (error: Error | undefined, channel: ClientChannel) =>
      error ? reject(refusalOf(error)) : resolve(channel)
    if (service === null) client.shell(pty, take)
    else client.exec(shellIn(service), { pty }, take)
  })
}

/** As the agent names services: by the first of these labels that a container has, or as the container. */
const serviceFilters = (service: string): string[] => [
  `label=io.muster.service=${service}`,
  `label=io.balena.service-name=${service}`,
  `label=com.docker.compose.service=${service}`,
  `name=^/${service}$`,
]

/** The name is of the pattern of service names: nothing in it means anything within quotes. */
export function shellIn(service: string): string {
  const filters = serviceFilters(service).map((filter) => `'${filter}'`)
  const find = `for f in ${filters.join(' ')}; do docker ps -q --filter "$f"; done | head -n 1`
  return `exec docker exec -it -e TERM=${terminalType} "$(${find})" sh -c 'command -v bash >/dev/null && exec bash -l || exec sh'`
}

function shellOf(client: Client, channel: ClientChannel): Shell {
  let exit: Exit | null = null
  channel.on('exit', (code: number | null, signal?: string) => {
    exit = { code, signal: signal ?? null }
  })
  // What went wrong shows in how it ended.
  channel.on('error', () => undefined)
  // With a terminal there is one flow; were there another, it must not stall.
  channel.stderr.resume()
  const ended = new Promise<Exit | null>((resolve) => {
    channel.once('close', () => resolve(exit))
    client.once('close', () => resolve(exit))
  })
  ended.then(() => client.end())
  return {
    channel,
    ended,
    resize: ({ columns, rows }) => channel.setWindow(rows, columns, 0, 0),
    close() {
      channel.close()
      client.end()
      client.destroy()
    },
  }
}

function isSameKey(line: string, key: Buffer): boolean {
  return line.split(' ')[1] === key.toString('base64')
}

function refusalOf(error: Error & { level?: string }): Refusal {
  return error instanceof Refusal ? error : new Refusal('stream-lost', `SSH: ${error.message}`)
}
