// `muster tunnel`: a port here that is a port there. Each connection is a stream of its own, so that
// one that waits holds up no other.

import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { pipeline } from 'node:stream/promises'
import { Refusal } from '@muster/core/errors.ts'
import type { Command } from 'commander'
import { type Context, openSession, type Session } from '../context.ts'
import { dialStream, type StreamWish } from '../dial.ts'
import { explainFailure, Stopped } from '../failure.ts'
import { findDevice } from '../find-device.ts'
import { deviceWord, examples } from '../help.ts'
import { parsedBy } from '../options.ts'
import { interruptedExit } from '../terminal.ts'

type Ports = { port: number; local: number }

export function addTunnelCommand(program: Command, context: Context) {
  const tunnel = program
    .command('tunnel')
    .description(
      'Listen on a port here and connect each caller with a port of the device, until Ctrl-C. The device must allow it: see --stream-targets of muster-agent.',
    )
    .argument('<device>', deviceWord)
    .argument('<port[:local]>', 'the port there, and here if it is another', parsedBy(parsePorts))
    .option('--host <host>', 'a host that the device reaches (default: the device itself)')
    .option('--bind <address>', 'the address to listen on here (default: 127.0.0.1)')
    .action(
      async (
        word: string,
        { port, local }: Ports,
        options: { host?: string; bind?: string },
        command: Command,
      ) => {
        const session = await openSession(context, command)
        const { uuid, name } = await findDevice(session.api, word)
        const { host, bind = '127.0.0.1' } = options
        const signal = context.interrupted()
        await listen(context, session, {
          wish: { device: uuid, port, host },
          at: { port: local, host: bind },
          name: `${name} ${host ?? 'port'} ${port}`,
          signal,
        })
        throw new Stopped(interruptedExit)
      },
    )
  examples(
    tunnel,
    ['muster tunnel quiet-river 8080', 'http://localhost:8080 is port 8080 of the device'],
    ['muster tunnel quiet-river 80:9000', 'port 9000 here, 80 there'],
    ['muster tunnel quiet-river 502:1502 --host 192.168.1.20', 'a machine beside the device'],
  )
}

function parsePorts(text: string): Ports {
  const [, there, here] = /^(\d{1,5})(?::(\d{1,5}))?$/.exec(text) ?? []
  const ports = { port: Number(there), local: Number(here ?? there) }
  if (there === undefined || ports.port < 1 || Math.max(ports.port, ports.local) > 65_535)
    throw new Refusal('wrong-usage', 'ports are 1 to 65535, as 8080 or 80:8080')
  return ports
}

type Listening = {
  wish: StreamWish
  at: { port: number; host: string }
  name: string
  signal: AbortSignal
}

async function listen(
  context: Context,
  { target, note, look }: Session,
  { wish, at, name, signal }: Listening,
): Promise<void> {
  const callers = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (caller) => {
    callers.add(caller)
    caller.once('close', () => callers.delete(caller))
    caller.on('error', () => undefined)
    carry(caller).catch((error) => {
      if (error instanceof Refusal) context.stderr.write(explainFailure(error, look()).text)
      caller.resetAndDestroy()
    })
  })
  async function carry(caller: Socket): Promise<void> {
    const { duplex } = await dialStream(target, wish, context.clock)
    // Before the pipelines, which would end it as if all were well.
    duplex.once('error', () => caller.resetAndDestroy())
    await Promise.all([pipeline(caller, duplex), pipeline(duplex, caller)])
  }
  server.listen(at)
  try {
    await once(server, 'listening')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new Refusal('wrong-usage', `${at.host}:${at.port} cannot be listened on (${code})`)
  }
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : at.port
  note(`${at.host}:${port} is now ${name}. Ctrl-C ends it.`)
  if (!signal.aborted) await once(signal, 'abort')
  for (const caller of callers) caller.destroy()
  server.close()
}
