// The settings: from the environment, and under the same names from the file that MUSTER_CONFIG names.
// One table says all there is to say about each; the reference page is made from it. All mistakes are
// found before anything starts, and told together.

import { Refusal } from '@muster/core/errors.ts'

export type Config = Readonly<{
  port: number
  /** Null: every address of this machine, IPv6 and IPv4. */
  host: string | null
  dataDir: string
  databaseUrl: string | null
  natsUrl: string | null
  /** Where other replicas reach this one; null: at any address of this machine. */
  replicaAddress: Readonly<{ host: string; port: number }> | null
  /** Null: devices have no URLs. It needs the public URL. */
  deviceUrlDomain: string | null
  publicUrl: string | null
  tls: Readonly<{ certPath: string; keyPath: string }> | null
  admin: Readonly<{ email: string | null; password: string | null; token: string | null }>
  /** The provider of OpenID Connect; it needs the public URL. */
  oidc: Readonly<{ issuer: string; clientId: string; clientSecret: string; name: string }> | null
  logLevel: LogLevel
  /** Null: for ever. */
  auditKeptMs: number | null
  /** Of the API, for each token; null: any number. */
  requestsPerSecond: number | null
  /** Addresses of proxies whose word about the client's address is taken. */
  trustProxy: boolean | readonly string[]
}>

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

const dayMs = 86_400_000
const defaultRate = 100

type Reading<T> = { ok: T } | { wrong: string }
type Setting<T> = {
  /** What a value looks like, for the reference page. */
  form: string
  /** What holds when it is unset, in words. */
  unset: string
  about: string
  read(text: string): Reading<T>
}

const setting = <T>(row: Setting<T>) => row
const text = (word: string): Reading<string> => ({ ok: word })

export const settings = {
  MUSTER_PORT: setting({
    form: '0 to 65535',
    unset: '8080',
    about: 'The port for devices, people and programs alike. 0 takes any that is free.',
    read(word) {
      const port = Number(word)
      return /^\d{1,5}$/.test(word) && port <= 65_535
        ? { ok: port }
        : { wrong: 'must be a whole number from 0 to 65535' }
    },
  }),
  MUSTER_HOST: setting({
    form: 'an address or a host name',
    unset: 'every address of this machine, IPv6 and IPv4',
    about: 'The address to listen on, such as 127.0.0.1 behind a proxy on the same machine.',
    read: (word) =>
      /\s|\//.test(word) ? { wrong: 'must be an address or a host name' } : { ok: word },
  }),
  MUSTER_DATA_DIR: setting({
    form: 'a folder',
    unset: './data',
    about: 'Where the SQLite database is kept. It is made if it does not exist.',
    read: text,
  }),
  MUSTER_DATABASE_URL: setting({
    form: 'postgres://user:password@host:5432/database',
    unset: 'SQLite in the data folder',
    about: 'A PostgreSQL database; needed for more than one replica.',
    read: url('postgres:', 'postgresql:'),
  }),
  MUSTER_NATS_URL: setting({
    form: 'nats://host:4222',
    unset: 'one process',
    about: 'The NATS server through which replicas tell each other what has changed.',
    read: url('nats:', 'tls:'),
  }),
  MUSTER_REPLICA_ADDRESS: setting({
    form: '10.0.0.5:7070 or host.example.org:7070',
    unset: 'any address of this machine, and any free port',
    about:
      'Where other replicas connect to this one, for streams to devices whose link is elsewhere: its own address, not the balancer’s, and a port that is open between replicas. Connections are encrypted, and prove themselves with keys for once that are told over NATS.',
    read: replicaAddress,
  }),
  MUSTER_PUBLIC_URL: setting({
    form: 'https://muster.example.org',
    unset: 'clients use the address that they have; the server does not ask itself',
    about:
      'The address under which devices and people reach this server. Where it is set, the server also asks itself through it every 5 s: while that fails and no device is heard, devices cannot reach the server, and their silence is not held against them.',
    read: url('https:', 'http:'),
  }),
  MUSTER_DEVICE_URL_DOMAIN: setting({
    form: 'devices.example.net',
    unset: 'devices have no URLs',
    about:
      'The domain beneath which each device has a host name of its own, where its URL is switched on. All names beneath it must lead to this server, with a certificate for them. Needs MUSTER_PUBLIC_URL, and should share no registrable domain with it.',
    read: (word) =>
      /^(?=.{1,190}$)[a-z0-9-]+(?:\.[a-z0-9-]+)*$/i.test(word)
        ? { ok: word.toLowerCase() }
        : { wrong: 'must be a domain, without port or scheme' },
  }),
  MUSTER_TLS_CERT: setting({
    form: 'a file',
    unset: 'plain HTTP',
    about: 'The certificate chain (PEM) for HTTPS without a proxy. Needs MUSTER_TLS_KEY.',
    read: text,
  }),
  MUSTER_TLS_KEY: setting({
    form: 'a file',
    unset: 'plain HTTP',
    about: 'The private key (PEM) of the certificate.',
    read: text,
  }),
  MUSTER_ADMIN_EMAIL: setting({
    form: 'an e-mail address',
    unset: 'admin@localhost, at the first start',
    about:
      'The e-mail with which the administrator signs in. Changed here, it changes at the next start.',
    read: (word) =>
      /^[^\s@]+@[^\s@]+$/.test(word) && word.length <= 254
        ? { ok: word.toLowerCase() }
        : { wrong: 'must be an e-mail address' },
  }),
  MUSTER_ADMIN_PASSWORD: setting({
    form: '8 to 1024 characters',
    unset: 'made and printed once, at the first start',
    about: 'The administrator’s password. Changed here, it changes at the next start.',
    read: (word) =>
      word.length >= 8 && word.length <= 1024
        ? { ok: word }
        : { wrong: 'must have 8 to 1024 characters' },
  }),
  MUSTER_ADMIN_TOKEN: setting({
    form: '8 to 256 characters without spaces',
    unset: 'made and printed once, at the first start',
    about:
      'The administrator’s token for automation. Changed here, the one before it ends at the next start.',
    read: (word) =>
      /^[\x21-\x7e]{8,256}$/.test(word)
        ? { ok: word }
        : { wrong: 'must have 8 to 256 visible ASCII characters and no space' },
  }),
  MUSTER_OIDC_ISSUER: setting({
    form: 'https://login.example.org',
    unset: 'people sign in with a password',
    about:
      'A provider of OpenID Connect at which people may sign in, by its issuer. Needs MUSTER_OIDC_CLIENT_ID, MUSTER_OIDC_CLIENT_SECRET and MUSTER_PUBLIC_URL. Plain HTTP is taken on this machine only.',
    read: (word) =>
      URL.canParse(word) && isSafe(new URL(word))
        ? { ok: word }
        : { wrong: 'must be a URL that begins with https://' },
  }),
  MUSTER_OIDC_CLIENT_ID: setting({
    form: 'a text',
    unset: 'people sign in with a password',
    about: 'The name under which the provider knows Muster.',
    read: text,
  }),
  MUSTER_OIDC_CLIENT_SECRET: setting({
    form: 'a text',
    unset: 'people sign in with a password',
    about: 'The secret that the provider gave for it.',
    read: text,
  }),
  MUSTER_OIDC_NAME: setting({
    form: '1 to 50 characters',
    unset: 'the host of the issuer',
    about: 'What people call the provider, as the sign-in shows it.',
    read: (word) => (word.length <= 50 ? { ok: word } : { wrong: 'must have 1 to 50 characters' }),
  }),
  MUSTER_AUDIT_DAYS: setting({
    form: '1 to 36500',
    unset: 'for ever',
    about:
      'How many days entries of the audit log are kept. What is left can still be verified from where the rest was removed.',
    read: count(1, 36_500),
  }),
  MUSTER_API_RATE: setting({
    form: '0 to 100000',
    unset: '100',
    about:
      'Requests that one API token may make in a second, over ten seconds; a change counts as three, an export as fifty, and a user has three times as much for all tokens together. 0 takes any number.',
    read: count(0, 100_000),
  }),
  MUSTER_LOG_LEVEL: setting({
    form: logLevels.join(', '),
    unset: 'info',
    about: 'What is logged, as JSON lines on standard error: this and everything more severe.',
    read: (word): Reading<LogLevel> =>
      logLevels.includes(word as LogLevel)
        ? { ok: word as LogLevel }
        : { wrong: `must be one of ${logLevels.join(', ')}` },
  }),
  MUSTER_TRUST_PROXY: setting({
    form: 'true, false, or addresses and networks joined by commas',
    unset: 'false',
    about: 'The proxies whose X-Forwarded-For is taken for the client’s address.',
    read(word): Reading<boolean | readonly string[]> {
      if (word === 'true' || word === 'false') return { ok: word === 'true' }
      const networks = word.split(',').map((part) => part.trim())
      return networks.every((network) => /^[0-9a-fA-F.:]+(?:\/\d{1,3})?$/.test(network))
        ? { ok: networks }
        : { wrong: 'must be true, false, or addresses and networks joined by commas' }
    },
  }),
} satisfies Record<string, Setting<unknown>>

export type SettingName = keyof typeof settings
/** Names the file; it has no place in that file itself. */
export const configFileSetting = 'MUSTER_CONFIG'

type Values = {
  [N in SettingName]?: (typeof settings)[N] extends Setting<infer T> ? T : never
}

/** Refuses with `invalid-configuration`, naming every mistake. An empty value is no value. */
export function readConfig(
  environment: Readonly<Record<string, string | undefined>>,
  readFile: (path: string) => string,
): Config {
  const mistakes: string[] = []
  const given = { ...readConfigFile(environment[configFileSetting], readFile, mistakes) }
  for (const [name, word] of Object.entries(environment))
    if (name.startsWith('MUSTER_') && word) given[name] = { word, from: 'the environment' }
  const values = readValues(given, mistakes)
  if (Boolean(values.MUSTER_TLS_CERT) !== Boolean(values.MUSTER_TLS_KEY))
    mistakes.push('MUSTER_TLS_CERT and MUSTER_TLS_KEY are of use only together')
  if (values.MUSTER_REPLICA_ADDRESS && !values.MUSTER_NATS_URL)
    mistakes.push('MUSTER_REPLICA_ADDRESS needs MUSTER_NATS_URL')
  if (values.MUSTER_DEVICE_URL_DOMAIN && !values.MUSTER_PUBLIC_URL)
    mistakes.push('MUSTER_DEVICE_URL_DOMAIN needs MUSTER_PUBLIC_URL')
  const { MUSTER_OIDC_CLIENT_ID: id, MUSTER_OIDC_CLIENT_SECRET: secret } = values
  const oidc = [values.MUSTER_OIDC_ISSUER, id, secret]
  if (oidc.some(Boolean) && !(oidc.every(Boolean) && values.MUSTER_PUBLIC_URL))
    mistakes.push(
      'MUSTER_OIDC_ISSUER, MUSTER_OIDC_CLIENT_ID, MUSTER_OIDC_CLIENT_SECRET and MUSTER_PUBLIC_URL are of use only together',
    )
  if (mistakes.length > 0) throw new Refusal('invalid-configuration', mistakes.join('\n'))
  return configOf(values)
}

type Given = Record<string, { word: string; from: string }>

function readConfigFile(
  path: string | undefined,
  readFile: (path: string) => string,
  mistakes: string[],
): Given {
  const given: Given = {}
  if (!path) return given
  let content: string
  try {
    content = readFile(path)
  } catch (error) {
    mistakes.push(`${configFileSetting}: ${(error as Error).message}`)
    return given
  }
  for (const [i, line] of content.split(/\r?\n/).entries()) {
    if (/^\s*(?:#|$)/.test(line)) continue
    const match = /^\s*([A-Z][A-Z0-9_]*)\s*=\s*(.*?)\s*$/.exec(line)
    if (!match) mistakes.push(`${path}, line ${i + 1}: must be NAME=value`)
    else given[match[1]!] = { word: unquoted(match[2]!), from: `${path}, line ${i + 1}` }
  }
  return given
}

function unquoted(word: string): string {
  return /^(["']).*\1$/.test(word) ? word.slice(1, -1) : word
}

/** Names that begin with MUSTER_ and belong to the other programs. */
const others = /^MUSTER_(?:CONFIG$|AGENT_|TEST_|SERVER$|TOKEN$|PROFILE$)/

function readValues(given: Given, mistakes: string[]): Values {
  const values: Record<string, unknown> = {}
  for (const [name, { word, from }] of Object.entries(given)) {
    if (!Object.hasOwn(settings, name)) {
      // A variable of another program is no mistake; a misspelt line in our own file is.
      if (from !== 'the environment' && !others.test(name))
        mistakes.push(`${name} (${from}): there is no such setting`)
      continue
    }
    if (word === '') continue
    const reading = settings[name as SettingName].read(word)
    if ('ok' in reading) values[name] = reading.ok
    else mistakes.push(`${name} (${from}): ${reading.wrong}`)
  }
  return values
}

function configOf(values: Values): Config {
  const { MUSTER_TLS_CERT: certPath, MUSTER_TLS_KEY: keyPath } = values
  return Object.freeze({
    port: values.MUSTER_PORT ?? 8080,
    host: values.MUSTER_HOST ?? null,
    dataDir: values.MUSTER_DATA_DIR ?? './data',
    databaseUrl: values.MUSTER_DATABASE_URL ?? null,
    natsUrl: values.MUSTER_NATS_URL ?? null,
    replicaAddress: values.MUSTER_REPLICA_ADDRESS ?? null,
    deviceUrlDomain: values.MUSTER_DEVICE_URL_DOMAIN ?? null,
    publicUrl: values.MUSTER_PUBLIC_URL ?? null,
    tls: certPath && keyPath ? Object.freeze({ certPath, keyPath }) : null,
    admin: Object.freeze({
      email: values.MUSTER_ADMIN_EMAIL ?? null,
      password: values.MUSTER_ADMIN_PASSWORD ?? null,
      token: values.MUSTER_ADMIN_TOKEN ?? null,
    }),
    oidc: oidcOf(values),
    logLevel: values.MUSTER_LOG_LEVEL ?? 'info',
    auditKeptMs: values.MUSTER_AUDIT_DAYS === undefined ? null : values.MUSTER_AUDIT_DAYS * dayMs,
    requestsPerSecond: (values.MUSTER_API_RATE ?? defaultRate) || null,
    trustProxy: values.MUSTER_TRUST_PROXY ?? false,
  })
}

function oidcOf(values: Values): Config['oidc'] {
  const { MUSTER_OIDC_ISSUER: issuer, MUSTER_OIDC_CLIENT_ID: clientId } = values
  const clientSecret = values.MUSTER_OIDC_CLIENT_SECRET
  if (!issuer || !clientId || !clientSecret) return null
  const name = values.MUSTER_OIDC_NAME ?? new URL(issuer).host
  return Object.freeze({ issuer, clientId, clientSecret, name })
}

/** What is said over plain HTTP is heard by whoever is between; on this machine nobody is. */
function isSafe({ protocol, hostname }: URL): boolean {
  const isHere = /^(?:localhost|127\.[\d.]+|\[::1\])$/.test(hostname)
  return protocol === 'https:' || (protocol === 'http:' && isHere)
}

function replicaAddress(word: string): Reading<{ host: string; port: number }> {
  const [, inBrackets, plain, port] =
    /^(?:\[([0-9a-f:.]+)\]|([a-z0-9.-]+)):(\d{1,5})$/i.exec(word) ?? []
  const host = inBrackets ?? plain
  return host && Number(port) >= 1 && Number(port) <= 65_535
    ? { ok: { host, port: Number(port) } }
    : { wrong: 'must be an address or a host name, a colon and a port' }
}

function count(min: number, max: number) {
  return (word: string): Reading<number> =>
    /^\d{1,6}$/.test(word) && Number(word) >= min && Number(word) <= max
      ? { ok: Number(word) }
      : { wrong: `must be a whole number from ${min} to ${max}` }
}

function url(...protocols: string[]) {
  return (word: string): Reading<string> =>
    URL.canParse(word) && protocols.includes(new URL(word).protocol)
      ? { ok: word }
      : { wrong: `must be a URL that begins with ${protocols.map((p) => `${p}//`).join(' or ')}` }
}
