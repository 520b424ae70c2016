// Every example of help is run against a real server with a small story, and what they asked for
// together is held to the operations of the server: an example that died is found here, and so is an
// operation that no command reaches. A shell reads each line as a person's would; what it would have
// started is then run within this process.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { after, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { castHeader, castLine } from '@muster/core/asciicast.ts'
import { exitCodes } from '@muster/core/errors.ts'
import { adminEmail, adminPassword, type Json } from '../../server/src/app/fixtures.ts'
import { totpCode } from '../../server/src/auth/totp.ts'
import { createTerminalStore } from '../../server/src/store/terminal-store.ts'
import { wallClock } from './clock.ts'
import type { Context } from './context.ts'
import { leavesOf } from './endings.ts'
import { openRealServer } from './fixtures.ts'
import type { Described } from './help.ts'
import { createProgram } from './program.ts'

/** What browsers and those who watch the server ask, and no command; devices have /device/. */
const notForPeople: Record<string, string> = {
  'GET /healthz': 'for a supervisor of the server',
  'GET /readyz': 'for a balancer in front of the server',
  'GET /metrics': 'for Prometheus',
  'POST /api/v1/login/cookie': 'a browser signs in to the dashboard',
  'GET /api/v1/login/methods': 'the dashboard shows which ways in there are',
  'GET /api/v1/login/oidc': 'a browser is sent to the provider',
  'GET /api/v1/login/oidc/callback': 'a browser comes back from the provider',
}

/**
 * Examples end with 0, but for those that are stopped with Ctrl-C, and those that need a cloudlink,
 * which no device of the story has. The real ssh says 255 where its ProxyCommand fails.
 */
function endsWith(line: string): number {
  if (/--watch|device watch|muster tunnel/.test(line)) return 130
  if (line.startsWith('muster ssh ')) return 255
  return line.startsWith('muster stream') ? exitCodes.unreachable : exitCodes.ok
}

/** A step of an example that is not ours to run. */
const isOfAnother = (line: string) => line.startsWith('scp ')

/** Examples of several steps of which the first was another command. */
const before: Record<string, readonly string[]> = {
  'muster token revoke': ['token', 'create', 'grafana'],
  'muster view save': ['view', 'save', 'Silent longest', '--filter', 'lastContact < -30d'],
  'muster view delete': ['view', 'save', 'Lost in the north', '--filter', 'status = disconnected'],
  'muster invitation resend': ['invitation', 'create', 'eve@example.org', '--role', 'operator'],
  'muster invitation revoke': ['invitation', 'create', 'eve@example.org', '--role', 'operator'],
  'muster totp off': ['totp', 'on'],
  'muster totp recovery-codes': ['totp', 'on'],
}

type House = Awaited<ReturnType<typeof openStory>>

/** Two fleets, of which one has devices, people with profiles, and a second organization. */
async function openStory(path: string) {
  const house = await openRealServer()
  const { real, folder } = house
  if (path !== 'muster fleet create') await addFleets(house, path !== 'muster fleet delete')
  await real.call('POST', '/organizations', { name: 'Acme', slug: 'acme' })
  const asked = noteAsked(house)
  const env = {
    ...house.env,
    PATH: process.env.PATH,
    HOME: folder,
    PASSWORD: adminPassword,
    TOKEN: house.env.MUSTER_TOKEN,
  }
  const world = { env, answer: answerOf, fetch: fetchFrom(house.server) }
  const run = (args: readonly string[], more: object = {}) => house.run(args, { ...world, ...more })
  const signedIn = { env: { ...env, MUSTER_TOKEN: undefined } }
  if (isOfPerson(path)) {
    const login = ['login', '--server', house.server, '--email', adminEmail]
    const staging = path === 'muster profile remove' ? ['staging'] : []
    for (const profile of ['default', 'test', 'production', ...staging])
      await run([...login, '--profile', profile], signedIn)
    await run(['profile', 'use', 'default'])
  }
  asked.clear()
  return {
    ...house,
    world,
    asked,
    run,
    signedIn,
    [Symbol.asyncDispose]: house[Symbol.asyncDispose],
  }
}

/** Those commands are about a person who signed in, and not about a token. */
const isOfPerson = (path: string) =>
  /^muster (login|logout|totp|password|session|profile)/.test(path)

const quietRiver = '1f6c2a9d4b8e4f0aa1b2c3d4e5f60718'

async function addFleets({ real }: Awaited<ReturnType<typeof openRealServer>>, filled: boolean) {
  const { id } = await real.addFleet('garden')
  await real.addFleet('orchard')
  await real.addProvisioningKey('garden')
  await real.addProvisioningKey('garden')
  const key = await real.addProvisioningKey('garden')
  if (!filled) return
  for (const [uuid, name] of [
    [quietRiver, 'quiet-river'],
    ['2e5d1b8c3a7f4e0bb2a1d4c3f6e50817', 'north-gate'],
  ] as const) {
    await real.register(key, { uuid, application: id })
    await real.call('PATCH', `/devices/${uuid}`, { name, tags: { floor: '2' } })
  }
}

const newPassword = 'another horse battery'

function answerOf(question: string, said: string): string {
  if (question.startsWith('E-mail')) return adminEmail
  if (/New password|Once more/.test(question)) return newPassword
  if (question.startsWith('Password')) return adminPassword
  const secret = /or the key (\w+)/.exec(said)?.[1]
  return secret ? totpCode(secret, Date.now()) : 'y'
}

/** What the server is asked for over its port, by whatever process and for whatever connection. */
function noteAsked({ real, server }: Awaited<ReturnType<typeof openRealServer>>): Set<string> {
  const asked = new Set<string>()
  const note = ({ method, url }: { method?: string; url?: string }) =>
    asked.add(`${method} ${new URL(url ?? '', server).pathname}`)
  real.app.fastify.server.on('request', note).on('upgrade', note)
  return asked
}

/** Every address of an example is the real server. */
function fetchFrom(server: string): Context['fetch'] {
  return async (url, init) => {
    const { pathname, search } = new URL(url)
    return fetch(`${server}${pathname}${search}`, init)
  }
}

/** What a shell would start for a line: the arguments of muster and its environment. */
function readLine(line: string, env: Record<string, string | undefined>, folder: string) {
  const told = `muster() { { printf '%s\\0' "$MUSTER_PASSWORD" "$@"; } >&3; }; jq() { cat >/dev/null; }; man() { cat >/dev/null; }; ${line}`
  const [password, ...args] = execFileSync('bash', ['-c', `{ ${told}\n} 3>&1 >/dev/null`], {
    env,
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  })
    .split('\0')
    .slice(0, -1)
  return { args, password: password || undefined }
}

async function tryExample(house: House, path: string, line: string) {
  const { world, folder, run } = house
  const person = isOfPerson(path) ? house.signedIn : { env: world.env }
  const first = Object.entries(before).find(([name]) => path === name)?.[1]
  if (first) await run(first, person)
  await prepare[path]?.(house, line)
  const { args, password } = readLine(line, world.env, folder)
  const env = { ...person.env, MUSTER_PASSWORD: password }
  const stop = new AbortController()
  const watched: Context['fetch'] = async (url, init) => {
    const answer = await world.fetch(url, init)
    if (url.includes('/stream') || path === 'muster tunnel') setImmediate(() => stop.abort())
    return answer
  }
  // The port here may be anybody's, so a free one is taken.
  if (path === 'muster tunnel') args[2] = args[2]!.replace(/(:\d+)?$/, ':0')
  return run(args, { env, signal: stop.signal, fetch: watched })
}

/** What must be there before an example, and is more than another command. */
const prepare: Record<string, (house: House, line: string) => Promise<unknown>> = {
  async 'muster login'(house) {
    await addMember(house, 'ada@example.org')
    house.world.env.PASSWORD = newPassword
  },
  'muster member edit': (house) => addMember(house, 'ada@example.org'),
  'muster member remove': (house) => addMember(house, 'ada@example.org'),
  'muster user show': (house) => addMember(house, 'ada@example.org'),
  'muster user disable': (house) => addMember(house, 'ada@example.org'),
  'muster user enable': (house) => addMember(house, 'ada@example.org'),
  'muster password reset-link': (house) => addMember(house, 'ada@example.org'),
  async 'muster password reset'({ run, world }) {
    const { out } = await run(['password', 'reset-link', adminEmail])
    Object.assign(world.env, { LINK: out.trim() })
  },
  async 'muster invitation accept'(house, line) {
    const isNew = line.includes('--server')
    const email = isNew ? 'eve@example.org' : 'zoe@example.org'
    if (!isNew) await addMember(house, email, ['--organization', 'acme'])
    const { out } = await house.run(['invitation', 'create', email, '--role', 'operator'])
    house.world.env.TOKEN = out.trim()
    if (!isNew) await signInAs(house, email)
  },
  async 'muster audit verify'({ run, folder }) {
    await writeFile(`${folder}/heads.txt`, (await run(['audit', 'head'])).out)
    await writeFile(`${folder}/audit.ndjson`, (await run(['audit', 'export'])).out)
  },
  'muster action show': askForAction,
  'muster action cancel': askForAction,
  'muster bulk show': tagInBulk,
  'muster bulk results': tagInBulk,
  'muster bulk follow': tagInBulk,
  'muster bulk undo': tagInBulk,
  async 'muster bulk abort'(house) {
    await tagInBulk(house)
    // As if a replica elsewhere were at it.
    const { write } = house.real.database
    const underWay = { state: 'running', ended_at: null, leased_until: Number.MAX_SAFE_INTEGER }
    await write.updateTable('bulk_operations').set(underWay).execute()
  },
  'muster recording show': addRecording,
  'muster recording download': addRecording,
  async 'muster recording play'(house) {
    await addRecording(house)
    await writeFile(`${house.folder}/incident.cast`, cast.join(''))
  },
  'muster recording delete': addRecording,
  'muster ssh': addSshKey,
  'muster ssh-config': ({ folder }) => mkdir(`${folder}/.ssh`),
  'muster ssh-key add': writePublicKey,
  async 'muster ssh-key remove'(house) {
    await addSshKey(house)
    await addSshKey(house)
  },
  'muster completion': ({ folder }) =>
    mkdir(`${folder}/.config/fish/completions`, { recursive: true }),
}

async function askForAction({ run, world }: House) {
  const { out } = await run(['action', 'run', 'identify', 'quiet-river', '--json'])
  Object.assign(world.env, { ACTION: JSON.parse(out).id })
}

const cast = [
  castHeader({ columns: 80, rows: 24, startedAt: 0, title: 'quiet-river' }),
  castLine({ afterMs: 5, kind: 'o', data: '# ' }),
  castLine({ afterMs: 20, kind: 'o', data: 'exit\r\n' }),
]

async function addRecording({ real }: House) {
  const { id: fleetId } = (await real.call('GET', '/fleets/garden')).body
  const store = createTerminalStore(real.database)
  const id = await store.beginRecording({
    device: { id: 1, uuid: quietRiver, name: 'quiet-river', fleetId, organizationId: 1 },
    person: { userId: 1, email: adminEmail },
    columns: 80,
    rows: 24,
    startedAt: real.clock.now(),
    keptUntil: real.clock.now() + 86_400_000,
  })
  for (const [part, line] of cast.entries()) await store.appendPart(id, part, line)
  const bytes = Buffer.byteLength(cast.join(''))
  await store.endRecording(id, { endedAt: real.clock.now() + 20, bytes, cutBy: null })
}

/** A new one each time; the path of its file. */
async function writePublicKey({ folder }: House): Promise<string> {
  const { x } = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' })
  const fields = [Buffer.from('ssh-ed25519'), Buffer.from(x!, 'base64url')]
  const blob = fields.flatMap((field) => [Buffer.from([0, 0, 0, field.length]), field])
  const file = `${folder}/.ssh/id_ed25519.pub`
  await mkdir(`${folder}/.ssh`, { recursive: true })
  await writeFile(file, `ssh-ed25519 ${Buffer.concat(blob).toString('base64')} ada@example.org\n`)
  return file
}

async function addSshKey(house: House) {
  await house.run(['ssh-key', 'add', await writePublicKey(house)])
}

async function tagInBulk({ run, world }: House) {
  const { out } = await run(['bulk', 'tag', 'site=east', '--all', '--yes', '--json'])
  Object.assign(world.env, { OPERATION: JSON.parse(out).id })
}

/** Invited, come in, and now a member. */
async function addMember({ run }: House, email: string, at: readonly string[] = []) {
  const made = await run([...at, 'invitation', 'create', email, '--role', 'operator'])
  const token = made.out.trim().split('#').at(-1)!
  const server = ['--server', 'https://muster.example.org']
  const joined = await run(['invitation', 'accept', token, ...server])
  assert.equal(joined.exit, 0, joined.err)
}

async function signInAs({ run, world }: House, email: string) {
  const env = { ...world.env, MUSTER_TOKEN: undefined, MUSTER_PASSWORD: newPassword }
  await run(['login', '--server', world.env.MUSTER_SERVER, '--email', email], { env })
  Object.assign(world.env, { MUSTER_TOKEN: undefined })
}

const nowhere: Context = {
  version: '',
  env: {},
  clock: wallClock(),
  fetch: () => Promise.reject(new Error('nothing is asked here')),
  stdout: { write: () => true },
  stderr: { write: () => true },
  interrupted: () => new AbortController().signal,
  ask: undefined,
}

const leaves: [string, Described][] = leavesOf(createProgram(nowhere))
const reached = new Set<string>()
const operations = await loadOperations()

/** Each operation of the document, and what a request for it looks like. */
async function loadOperations(): Promise<[string, RegExp][]> {
  await using house = await openRealServer()
  const { paths } = house.real.app.fastify.swagger() as Json
  return Object.entries<object>(paths).flatMap(([path, verbs]) =>
    Object.keys(verbs).map((verb): [string, RegExp] => {
      const name = `${verb.toUpperCase()} ${path}`
      return [name, new RegExp(`^${name.replace(/\{\w+\}/g, '[^/]+')}$`)]
    }),
  )
}

describe('every example does what it says', () => {
  const folder = process.cwd()
  const program = process.argv[1]!
  const leave = () => {
    process.chdir(folder)
    process.argv[1] = program
  }
  // `muster ssh` has ssh call the program that it is.
  const enter = (inner: string) => {
    process.chdir(inner)
    process.argv[1] = fileURLToPath(new URL('./main.ts', import.meta.url))
  }
  after(leave)
  for (const [path, { examples = [] }] of leaves)
    test(path, async () => {
      assert.ok(examples.length > 0, `${path} has no example`)
      for (const [line] of examples) {
        if (isOfAnother(line)) continue
        await using house = await openStory(path)
        enter(house.folder)
        const { exit, err } = await tryExample(house, path, line)
        leave()
        assert.equal(exit, endsWith(line), `${line}\n${err}`)
        for (const asked of house.asked)
          for (const [name, form] of operations) if (form.test(asked)) reached.add(name)
      }
    })
})

test('every operation is reached by some command, or is not for people', () => {
  const missing = operations
    .map(([name]) => name)
    .filter((name) => !reached.has(name) && !Object.hasOwn(notForPeople, name))
    .filter((name) => !/^[A-Z]+ \/device\//.test(name))
  assert.deepEqual(missing, [], 'no example of any command asks for these')
  for (const name of Object.keys(notForPeople))
    assert.ok(!reached.has(name), `${name} is for people after all`)
})
