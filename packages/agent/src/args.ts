// The words of the command line and the environment, and what is wrong with them: all of it at once.
// One table gives the parsing, the environment's names and the help, so they cannot disagree.

import { exitCodes } from '@muster/core/errors.ts'
import { type GoodbyeCause, goodbyeCauses } from '@muster/core/evidence.ts'
import { type UpdateStatus, updateStatuses } from '@muster/core/statuses.ts'
import { maxStateDirBytes } from './control.ts'
import { type ProxyWish, proxyUrl } from './proxy.ts'
import type { Statement } from './stated.ts'
import { onlySsh, readTargets, type TargetList } from './stream-targets.ts'

export const commands = {
  run: 'Run the agent (the default).',
  register: 'Register and exit, as an image flasher does; the device is then Post Provisioning.',
  report: 'Report a step of OS configuration or of an update, from a host tool.',
  status: 'Show what the agent believes and does next, and what the server thinks.',
  goodbye: 'Announce a shutdown or reboot; the agent then keeps silent.',
} as const satisfies Record<string, string>
export type Command = keyof typeof commands

type Option = { value?: string; env?: boolean; in: readonly Command[]; help: string }

const everywhere = Object.keys(commands) as Command[]
const starting = ['run', 'register'] as const satisfies Command[]
const defaultStateDir = '/var/lib/muster-agent'

const options = {
  server: {
    value: 'URL',
    env: true,
    in: everywhere,
    help: 'Where the server is; kept once known.',
  },
  'provisioning-key': {
    value: 'KEY',
    env: true,
    in: starting,
    help: 'Registers the device in the fleet of this key; never stored.',
  },
  'state-dir': {
    value: 'DIR',
    env: true,
    in: everywhere,
    help: `Where the identity is kept; default ${defaultStateDir}.`,
  },
  name: { value: 'NAME', env: true, in: starting, help: 'The name to register with.' },
  uuid: { value: 'UUID', env: true, in: starting, help: 'The uuid to be; else one is made.' },
  'device-type': { value: 'T', env: true, in: starting, help: 'The device type to register with.' },
  'device-key': {
    value: 'KEY',
    env: true,
    in: starting,
    help: 'The key of a preregistered device (with --uuid), or a new key for this one.',
  },
  ca: {
    value: 'FILE',
    env: true,
    in: everywhere,
    help: 'PEM of the CA to trust instead of the well-known ones.',
  },
  'client-cert': {
    value: 'FILE',
    env: true,
    in: everywhere,
    help: 'PEM of a certificate of this device, for servers that ask for one.',
  },
  'client-key': { value: 'FILE', env: true, in: everywhere, help: 'PEM of its private key.' },
  proxy: {
    value: 'URL',
    env: true,
    in: everywhere,
    help: 'The HTTP proxy to the server, or "none"; else as https_proxy, http_proxy and no_proxy say.',
  },
  'forget-key-in': {
    value: 'FILE',
    env: true,
    in: ['run'],
    help: 'Empty MUSTER_AGENT_PROVISIONING_KEY in this file once registered.',
  },
  'pretend-power': {
    env: true,
    in: ['run'],
    help: 'Reboot and shut down in pretence only: all but the effect; for trying and testing.',
  },
  'docker-socket': {
    value: 'PATH',
    env: true,
    in: ['run'],
    help: 'The socket of Docker Engine, whose containers are the services; default /var/run/docker.sock.',
  },
  'stream-targets': {
    value: 'LIST',
    env: true,
    in: ['run'],
    help: 'Where streams may lead: ssh, HOST:PORT or HOST:*, joined by commas, or "none"; default ssh.',
  },
  'ssh-users': {
    value: 'LIST',
    env: true,
    in: ['run'],
    help: 'Who may log in through streams, joined by commas; default root.',
  },
  'stage-progress': {
    value: 'N',
    in: ['register'],
    help: 'Also report the stage Post-Provisioning with this progress, 0 to 100.',
  },
  configuring: { value: 'STEP', in: ['report'], help: 'A step of OS configuration is under way.' },
  configured: { in: ['report'], help: 'OS configuration is done.' },
  'update-status': {
    value: 'STATUS',
    in: ['report'],
    help: `One of ${Object.keys(updateStatuses).join(', ')}.`,
  },
  progress: { value: 'N', in: ['report'], help: 'Progress of that, 0 to 100.' },
  cause: { value: 'CAUSE', in: ['goodbye'], help: `One of ${goodbyeCauses.join(', ')}.` },
  by: { value: 'WHO', in: ['goodbye'], help: 'Who asked for it.' },
  'expected-back': { value: 'TIME', in: ['goodbye'], help: 'When it is to be back, as 90s or 5m.' },
  json: { in: ['status'], help: 'Print JSON for programs.' },
} as const satisfies Record<string, Option>
type OptionName = keyof typeof options

export type Common = {
  server: string | null
  stateDir: string
  caFile: string | null
  clientCertFile: string | null
  clientKeyFile: string | null
  proxy: ProxyWish
}
export type Starting = {
  provisioningKey: string | null
  deviceKey: string | null
  name: string | null
  uuid: string | null
  deviceType: string | null
}
export type Wish =
  | { command: 'help' | 'version' }
  | ({
      command: 'run'
      forgetKeyIn: string | null
      pretendPower: boolean
      dockerSocket: string | undefined
      streamTargets: TargetList
      sshUsers: string[]
    } & Common &
      Starting)
  | ({ command: 'register'; stageProgress: number | null } & Common & Starting)
  | ({ command: 'report'; statements: Statement[] } & Common)
  | ({ command: 'status'; json: boolean } & Common)
  | ({
      command: 'goodbye'
      cause: GoodbyeCause
      by: string | null
      expectedBackMs: number | null
    } & Common)

export type Parsed = { ok: true; wish: Wish } | { ok: false; mistakes: string[] }
type Environment = Readonly<Record<string, string | undefined>>

export const environmentName = (option: string) =>
  `MUSTER_AGENT_${option.toUpperCase().replaceAll('-', '_')}`

export function parseArguments(words: readonly string[], env: Environment = {}): Parsed {
  const mistakes: string[] = []
  const { command, given } = readWords(words, mistakes)
  if (given.has('help')) return { ok: true, wish: { command: 'help' } }
  if (given.has('version')) return { ok: true, wish: { command: 'version' } }
  for (const [name, option] of Object.entries(options) as [OptionName, Option][]) {
    const value = env[environmentName(name)]
    if (option.env && option.in.includes(command) && value && !given.has(name))
      given.set(name, value)
  }
  const wish = wishOf(command, createReader(given, mistakes), env)
  return mistakes.length > 0 ? { ok: false, mistakes } : { ok: true, wish }
}

function readWords(words: readonly string[], mistakes: string[]) {
  const given = new Map<string, string>()
  const rest = [...words]
  const first = rest[0]
  let command: Command = 'run'
  if (first !== undefined && !first.startsWith('-')) {
    rest.shift()
    if (Object.hasOwn(commands, first)) command = first as Command
    else mistakes.push(`There is no command "${first}"; there are ${everywhere.join(', ')}.`)
  }
  while (rest.length > 0) {
    const word = rest.shift()!
    const [, name = '', inline] = /^--([a-z-]+)(?:=(.*))?$/s.exec(word) ?? []
    if (word === '-h' || name === 'help') given.set('help', '')
    else if (name === 'version') given.set('version', '')
    else if (!Object.hasOwn(options, name)) mistakes.push(`"${word}" is not an option.`)
    else readOption(name as OptionName, inline)
  }
  return { command, given }

  function readOption(name: OptionName, inline: string | undefined): void {
    const option: Option = options[name]
    if (!option.in.includes(command)) mistakes.push(`--${name} does not go with "${command}".`)
    if (given.has(name)) mistakes.push(`--${name} is given twice.`)
    if (!option.value) {
      if (inline !== undefined) mistakes.push(`--${name} takes no value.`)
      given.set(name, '')
      return
    }
    const value = inline ?? (rest[0]?.startsWith('--') ? undefined : rest.shift())
    if (value === undefined || value === '') mistakes.push(`--${name} needs a value.`)
    else given.set(name, value)
  }
}

/** Reads one value each, and notes what is wrong with it. */
function createReader(given: ReadonlyMap<string, string>, mistakes: string[]) {
  const text = (name: OptionName) => given.get(name) ?? null
  const checked = (name: OptionName, valid: (value: string) => boolean, must: string) => {
    const value = text(name)
    if (value !== null && !valid(value)) mistakes.push(`--${name} must be ${must}.`)
    return value
  }
  return {
    mistakes,
    text,
    checked,
    has: (name: OptionName) => given.has(name),
    key: (name: OptionName) =>
      checked(name, (value) => /^[\x21-\x7e]{1,200}$/.test(value), 'printable, without spaces'),
    percent: (name: OptionName) => {
      const must = 'a number from 0 to 100'
      const value = checked(name, (each) => /^\d+(\.\d+)?$/.test(each) && Number(each) <= 100, must)
      return value === null ? null : Number(value)
    },
    duration: (name: OptionName) => {
      const value = text(name)
      const durationMs = value === null ? null : parseDurationMs(value)
      if (value !== null && durationMs === null)
        mistakes.push(`--${name} must be a time up to 30 days, as 90s, 5m, 2h or 1d.`)
      return durationMs
    },
  }
}
type Reader = ReturnType<typeof createReader>

function wishOf(command: Command, read: Reader, env: Environment): Wish {
  const stateDir = read.checked(
    'state-dir',
    (dir) => Buffer.byteLength(dir) <= maxStateDirBytes,
    `at most ${maxStateDirBytes} bytes long, so that a socket fits in`,
  )
  const server = read.checked('server', isServerUrl, 'an http:// or https:// address')
  const common: Common = {
    server: server?.replace(/\/+$/, '') ?? null,
    stateDir: stateDir ?? defaultStateDir,
    caFile: read.text('ca'),
    clientCertFile: read.text('client-cert'),
    clientKeyFile: read.text('client-key'),
    proxy: proxyOf(read, env),
  }
  if ((common.clientCertFile === null) !== (common.clientKeyFile === null))
    read.mistakes.push('--client-cert and --client-key go together.')
  switch (command) {
    case 'run':
      return {
        command,
        ...common,
        ...startingOf(read),
        forgetKeyIn: read.text('forget-key-in'),
        pretendPower: read.has('pretend-power'),
        dockerSocket: read.text('docker-socket') ?? undefined,
        ...streamsOf(read),
      }
    case 'register':
      return {
        command,
        ...common,
        ...startingOf(read),
        stageProgress: read.percent('stage-progress'),
      }
    case 'report':
      return { command, ...common, statements: statementsOf(read) }
    case 'status':
      return { command, ...common, json: read.has('json') }
    case 'goodbye':
      return { command, ...common, ...goodbyeOf(read) }
    default:
      return command satisfies never
  }
}

const noProxy: ProxyWish = { https: null, http: null, except: '' }

/** What is said to us counts for every server; what is said to all programs, as they read it. */
function proxyOf(read: Reader, env: Environment): ProxyWish {
  const isProxy = (value: string) => value === 'none' || proxyUrl(value) !== null
  const given = read.checked('proxy', isProxy, 'an http:// or https:// address, or "none"')
  if (given === 'none') return noProxy
  if (given !== null) return { https: given, http: given, except: '' }
  const named = (name: string) => env[name] || env[name.toUpperCase()] || null
  return {
    https: named('https_proxy') ?? named('all_proxy'),
    http: named('http_proxy') ?? named('all_proxy'),
    except: named('no_proxy') ?? '',
  }
}

function startingOf(read: Reader): Starting {
  const short = (value: string) => value.length <= 100 && !/\p{Cc}/u.test(value)
  return {
    provisioningKey: read.key('provisioning-key'),
    deviceKey: read.key('device-key'),
    name: read.checked('name', short, 'at most 100 printable characters'),
    uuid: read.checked('uuid', (uuid) => uuidPattern.test(uuid), '32 lower-case hex digits'),
    deviceType: read.checked('device-type', short, 'at most 100 printable characters'),
  }
}

const userPattern = /^[a-z_][a-z0-9_.-]{0,31}$/i

function streamsOf(read: Reader) {
  const targets = read.checked(
    'stream-targets',
    (text) => readTargets(text) !== null,
    'ssh, HOST:PORT or HOST:*, joined by commas, or "none"',
  )
  const users = read.checked(
    'ssh-users',
    (text) => text.split(',').every((user) => userPattern.test(user)),
    'names of users, joined by commas',
  )
  return {
    streamTargets: (targets && readTargets(targets)) || onlySsh,
    sshUsers: users?.split(',') ?? ['root'],
  }
}

const uuidPattern = /^(?:[0-9a-f]{32}|[0-9a-f]{62})$/

function statementsOf(read: Reader): Statement[] {
  const step = read.text('configuring')
  const update = read.checked(
    'update-status',
    (word) => Object.hasOwn(updateStatuses, word),
    `one of ${Object.keys(updateStatuses).join(', ')}`,
  )
  const progress = read.percent('progress')
  const statements: Statement[] = []
  if (step !== null) statements.push({ kind: 'configuring', step, progress })
  if (read.has('configured')) statements.push({ kind: 'configured' })
  if (update !== null)
    statements.push({ kind: 'update', updateStatus: update as UpdateStatus, progress })
  if (statements.length !== 1)
    read.mistakes.push('Report one of --configuring STEP, --configured, --update-status STATUS.')
  if (read.has('configured') && progress !== null)
    read.mistakes.push('--progress does not go with --configured.')
  return statements
}

function goodbyeOf(read: Reader) {
  const causes: readonly string[] = goodbyeCauses
  const must = `one of ${causes.join(', ')}`
  const cause = read.checked('cause', (word) => causes.includes(word), must)
  if (cause === null) read.mistakes.push(`goodbye needs --cause, ${must}.`)
  const by = read.checked('by', (who) => who.length <= 200, 'at most 200 characters')
  return {
    cause: (cause ?? 'shutdown') as GoodbyeCause,
    by,
    expectedBackMs: read.duration('expected-back'),
  }
}

function isServerUrl(value: string): boolean {
  const url = URL.canParse(value) ? new URL(value) : null
  return url !== null && /^https?:$/.test(url.protocol) && url.search === '' && url.username === ''
}

const unitsMs: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `90s`, `5m`, `2h`, `1d`; null for anything else, or more than 30 days. */
export function parseDurationMs(text: string): number | null {
  const [, count, unit] = /^(\d{1,10})(ms|s|m|h|d)$/.exec(text) ?? []
  if (count === undefined || unit === undefined) return null
  const durationMs = Number(count) * unitsMs[unit]!
  return durationMs <= 30 * unitsMs.d! ? durationMs : null
}

export function helpText(): string {
  const rows = (pairs: [string, string][]) =>
    pairs.map(([left, right]) => `  ${left.padEnd(24)} ${right}`).join('\n')
  const optionRows = Object.entries(options).map(([name, option]: [string, Option]) => {
    const left = `--${name}${option.value ? ` ${option.value}` : ''}`
    const where = option.in.length === everywhere.length ? '' : ` [${option.in.join(', ')}]`
    return [left, `${option.help}${where}`] as [string, string]
  })
  const exits = Object.entries(exitMeanings).map(
    ([name, meaning]) =>
      [String(exitCodes[name as keyof typeof exitCodes]), meaning] as [string, string],
  )
  const inEnvironment = (Object.entries(options) as [string, Option][])
    .filter(([, option]) => option.env)
    .map(([name]) => `  ${environmentName(name)}`)
  return `muster-agent [command] [options]: keeps a device in touch with its Muster server.

Commands
${rows(Object.entries(commands))}

Options
${rows([...optionRows, ['--help, -h', 'Show this.'], ['--version', 'Show the version.']])}

Also in the environment (the command line wins)
${inEnvironment.join('\n')}

Exit codes
${rows(exits)}
`
}

const exitMeanings: Record<keyof typeof exitCodes, string> = {
  ok: 'Done. For status: the agent runs and the server answers.',
  failed: 'It failed. For status: no agent runs here.',
  usage: 'The arguments are not valid; nothing was done.',
  notFound: 'There is no identity here, or the server knows no such device.',
  refused: 'The server refused the key, or the device is frozen.',
  conflict: 'Another agent runs here, or the uuid belongs to another device.',
  unreachable: 'The server cannot be reached.',
}
