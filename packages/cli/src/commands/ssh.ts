// `muster ssh`, `muster ssh-config` and `muster stream`: the OpenSSH client that is here, led to the
// device by a ProxyCommand, so that all that it can do (files, forwarding, agents, Ansible, editors)
// works as to any host. The key of the device's sshd comes with the stream, from the device itself by
// way of the server, and is written down before the first byte of SSH: nobody is asked to trust a key
// at first sight. Rejected: an SSH client of our own, which would be a second one to keep safe.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Clock } from '@muster/core/clock.ts'
import { Refusal } from '@muster/core/errors.ts'
import type { Command } from 'commander'
import { parseCount } from '../arguments.ts'
import { type Context, type GlobalOptions, openSession } from '../context.ts'
import { dialStream } from '../dial.ts'
import { Stopped } from '../failure.ts'
import { findDevice } from '../find-device.ts'
import { deviceWord, examples } from '../help.ts'
import { parsedBy } from '../options.ts'
import { profilePath } from '../profiles.ts'

const suffix = '.muster'
const missingProgramExit = 127
const leaveWithinMs = 5_000

export function addSshCommands(program: Command, context: Context) {
  addSsh(program, context)
  addSshConfig(program, context)
  addStream(program, context)
}

function addSsh(program: Command, context: Context) {
  const ssh = program
    .command('ssh')
    .description(
      'Log in to a device with the OpenSSH client, wherever the device is. Your public key must be registered: see `muster ssh-key add`.',
    )
    .argument('<device>', deviceWord)
    .argument('[command...]', 'what to run there; words that begin with - come after --')
    .option('--user <user>', 'whom to log in as (default: root)')
    .action(async (word: string, words: string[], options: { user?: string }, command: Command) => {
      const { api } = await openSession(context, command)
      const { uuid } = await findDevice(api, word)
      const file = join(knownHostsFolder(context), uuid)
      const settings = { ...settingsFor(command, file, uuid), HostKeyAlias: uuid }
      const flags = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`])
      const line = [...flags, `${options.user ?? 'root'}@${uuid.slice(0, 12)}${suffix}`, ...words]
      throw new Stopped(await runInFront(context, 'ssh', line))
    })
  examples(
    ssh,
    ['muster ssh quiet-river', 'a shell on it'],
    ['muster ssh quiet-river -- df -h /', 'one command'],
    ['muster ssh quiet-river --user pi', 'as another user, if the device allows that'],
  )
}

function addSshConfig(program: Command, context: Context) {
  const config = program
    .command('ssh-config')
    .description(
      'Print what ~/.ssh/config needs, so that ssh, scp, rsync, Ansible and editors reach devices as NAME.muster.',
    )
    .option('--user <user>', 'whom to log in as (default: root)')
    .action(async (options: { user?: string }, command: Command) => {
      const settings = {
        User: options.user ?? 'root',
        ...settingsFor(command, join(knownHostsFolder(context), '%n'), '%n'),
      }
      const lines = Object.entries(settings).map(([name, value]) => `  ${name} ${value}\n`)
      context.stdout.write(`Host *${suffix}\n${lines.join('')}`)
    })
  examples(
    config,
    ['muster ssh-config >> ~/.ssh/config', 'once; then:'],
    ['scp build.tar quiet-river.muster:', 'a file into the home folder of root there'],
  )
}

function addStream(program: Command, context: Context) {
  const stream = program
    .command('stream')
    .description(
      'Connect standard input and output with a device: the ProxyCommand of `muster ssh`, and a way for programs.',
    )
    .argument('<device>', `${deviceWord}; ${suffix} may follow`)
    .option(
      '--port <port>',
      'a port that the device reaches, instead of sshd',
      parsedBy(parseCount),
    )
    .option('--host <host>', 'the host of the port, seen from the device')
    .option('--known-hosts <file>', 'write the key of the device’s sshd there')
    .action(async (word: string, options: StreamOptions, command: Command) => {
      const { api, target } = await openSession(context, command)
      const name = word.endsWith(suffix) ? word.slice(0, -suffix.length) : word
      const isUuid = /^(?:[0-9a-f]{32}|[0-9a-f]{62})$/.test(name)
      const device = isUuid ? name : (await findDevice(api, name)).uuid
      const { port, host, knownHosts } = options
      if (host !== undefined && port === undefined)
        throw new Refusal('wrong-usage', '--host needs --port')
      const { duplex, hostKey } = await dialStream(target, { device, port, host }, context.clock)
      if (knownHosts && hostKey) await writeKnownHost(knownHosts, hostKey)
      const left = context.interrupted()
      left.addEventListener('abort', () => takeLeave(duplex, context.clock), { once: true })
      // Whoever hears no more may still speak; whoever has heard the end has heard all.
      pipeline(process.stdin, duplex).catch((error) => duplex.destroy(error))
      await pipeline(duplex, process.stdout, { end: false })
      process.stdin.destroy()
    })
  examples(stream, [
    'muster stream quiet-river --port 8080',
    'talk to what listens on port 8080 there',
  ])
}

type StreamOptions = { port?: number; host?: string; knownHosts?: string }

/** What OpenSSH is told; the same on a command line and in a file. */
function settingsFor(command: Command, file: string, device: string) {
  const { profile, organization } = command.optsWithGlobals<GlobalOptions>()
  const words = [
    ...ownCommand(),
    ...(profile ? ['--profile', profile] : []),
    ...(organization ? ['--organization', organization] : []),
    'stream',
  ].map(shellWord)
  const quotedFile = `"${file}"`
  return {
    ProxyCommand: `${words.join(' ')} --known-hosts ${quotedFile} ${device}`,
    UserKnownHostsFile: quotedFile,
    GlobalKnownHostsFile: '/dev/null',
    StrictHostKeyChecking: 'yes',
    UpdateHostKeys: 'no',
  }
}

/**
 * OpenSSH leaves by hanging up on its ProxyCommand, and closes its end of standard input and output:
 * what it said last still goes to the device, and what stands behind the stream is let end first.
 */
function takeLeave(duplex: Duplex, clock: Clock): void {
  duplex.unpipe(process.stdout)
  duplex.resume()
  if (process.stdin.isTTY) duplex.end()
  const gone = new Refusal('stream-ended', 'whoever opened it has left')
  const cancel = clock.after(leaveWithinMs, () => duplex.destroy(gone))
  duplex.once('close', cancel)
}

/** How this program was called. */
function ownCommand(): string[] {
  return [process.execPath, ...process.execArgv, process.argv[1] ?? 'muster']
}

/** For a shell, and for OpenSSH, which takes % for its own. */
function shellWord(word: string): string {
  return `'${word.replaceAll("'", `'\\''`).replaceAll('%', '%%')}'`
}

function knownHostsFolder({ env }: Context): string {
  return join(dirname(profilePath(env)), 'known_hosts')
}

/** The file is of one device, so whatever it is called by, this is its key. */
async function writeKnownHost(file: string, hostKey: string): Promise<void> {
  if (!/^[a-z0-9@.-]+ [A-Za-z0-9+/=]+$/.test(hostKey))
    throw new Refusal('stream-lost', 'the device told a host key that is none')
  const written = `${file}.${process.pid}`
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  await writeFile(written, `* ${hostKey}\n`, { mode: 0o600 })
  await rename(written, file)
}

/** Resolves to its exit code. What is pressed meanwhile is for it. */
async function runInFront({ interrupted, env }: Context, name: string, words: string[]) {
  interrupted()
  const child = spawn(name, words, { stdio: 'inherit', env })
  try {
    const [code] = await once(child, 'exit')
    return typeof code === 'number' ? code : 255
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    throw new Refusal('wrong-usage', `there is no program ${name} here (${missingProgramExit})`)
  }
}
