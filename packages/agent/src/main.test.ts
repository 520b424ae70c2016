// The agent as a process, against a server on loopback that speaks the protocol.

import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { exitCodes } from '@muster/core/errors.ts'
import {
  answered,
  openWireServer,
  type Request,
  refused,
  temporaryFolder,
  uuid,
} from './fixtures.ts'
import { identityPath } from './identity.ts'

const main = join(import.meta.dirname, 'main.ts')

function start(words: string[], env: Record<string, string> = {}, program = [main]) {
  const child = spawn(process.execPath, [...program, ...words], {
    env: { PATH: process.env.PATH ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  return withEnd(child)
}

function withEnd(child: ChildProcess) {
  let out = ''
  let err = ''
  child.stdout?.on('data', (part) => {
    out += part
  })
  child.stderr?.on('data', (part) => {
    err += part
  })
  const end = new Promise<{ code: number | null; out: string; err: string }>((resolve) =>
    child.once('close', (code) => resolve({ code, out, err })),
  )
  return {
    child,
    end,
    stop(signal: NodeJS.Signals = 'SIGTERM') {
      child.kill(signal)
      return end
    },
  }
}

const run = (words: string[], env = {}) => start(words, env).end
const isHeartbeat = ({ method, url }: Request) => method === 'GET' && url.endsWith('/state')
const isReport = ({ method }: Request) => method === 'PATCH'
const isGoodbye = ({ url }: Request) => url.endsWith('/goodbye')
const isRegistration = ({ url }: Request) => url === '/device/register'
const reported = ({ body }: Request) =>
  Object.values(JSON.parse(body))[0] as Record<string, unknown>

const allText = (folder: string) =>
  readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => readFileSync(join(folder, name), 'utf8'))
    .join()

test('a fresh device registers, beats, tells all about its host, and says goodbye on SIGTERM', async () => {
  await using server = await openWireServer()
  using folder = temporaryFolder()
  const words = ['--server', server.url, '--state-dir', folder.path, '--name', 'pump']
  const agent = start(words, { MUSTER_AGENT_PROVISIONING_KEY: 'secret-fleet-key' })
  const registration = JSON.parse((await server.until(isRegistration)).body)
  assert.equal(registration.device_name, 'pump')
  const stored = JSON.parse(readFileSync(identityPath(folder.path), 'utf8'))
  assert.deepEqual([registration.uuid, registration.api_key], [stored.uuid, stored.deviceKey])
  await server.until(isHeartbeat)
  const facts = reported(await server.until(isReport))
  for (const key of ['os_version', 'kernel', 'architecture', 'boot_id', 'hostname', 'uptime_ms'])
    assert.ok(facts[key], key)
  assert.deepEqual([facts.provisioning_state, facts.provisioning_progress], ['', null])
  const { code } = await agent.stop()
  assert.equal(code, 0)
  assert.equal(JSON.parse(server.seen.at(-1)!.body).cause, 'agent-stop')
  assert.ok(!allText(folder.path).includes('secret-fleet-key'))
})

test('a device that was killed comes back as itself, and repeats no report in the same boot', async () => {
  await using server = await openWireServer()
  using folder = temporaryFolder()
  const words = ['--state-dir', folder.path]
  const first = start([...words, '--server', server.url, '--provisioning-key', 'k'])
  await server.until(isReport)
  await server.until(isHeartbeat)
  while (!existsSync(join(folder.path, 'memory.json'))) await tick()
  await first.stop('SIGKILL')
  const seenCount = server.seen.length
  const second = start(words)
  await server.until((request) => server.seen.indexOf(request) >= seenCount && isHeartbeat(request))
  await second.stop()
  const later = server.seen.slice(seenCount)
  assert.equal(later.filter(isRegistration).length, 0)
  assert.equal(later.find(isHeartbeat)!.url, server.seen.find(isHeartbeat)!.url)
  for (const report of later.filter(isReport)) assert.equal(reported(report).kernel, undefined)
})

test('an agent that was killed before the answer registers again as the same device', async () => {
  await using server = await openWireServer()
  using folder = temporaryFolder()
  const words = ['--server', server.url, '--state-dir', folder.path, '--provisioning-key', 'k']
  const serve = server.answer
  server.answer = () => null
  const first = start(words)
  await server.until(isRegistration)
  await first.stop('SIGKILL')
  server.answer = serve
  server.cut()
  const second = start(words)
  await server.until(isHeartbeat)
  await second.stop()
  const bodies = server.seen.filter(isRegistration).map(({ body }) => body)
  assert.equal(bodies.length, 2)
  assert.equal(bodies[0], bodies[1])
})

test('a second agent on the same state folder refuses and the first is not disturbed', async () => {
  await using server = await openWireServer()
  using folder = temporaryFolder()
  const words = ['--server', server.url, '--state-dir', folder.path, '--provisioning-key', 'k']
  const first = start(words)
  await server.until(isHeartbeat)
  for (const command of [[], ['register']]) {
    const { code, err } = await run([...command, ...words])
    assert.equal(code, exitCodes.conflict)
    assert.match(err, /another agent runs/)
  }
  assert.equal((await first.stop()).code, 0)
})

test('a damaged identity stops the start and stays as it is', async () => {
  await using server = await openWireServer()
  using folder = temporaryFolder()
  writeFileSync(identityPath(folder.path), '{"uuid":"01')
  const words = ['--server', server.url, '--state-dir', folder.path, '--provisioning-key', 'k']
  const { code, err } = await run(words)
  assert.equal(code, exitCodes.failed)
  assert.match(err, /identity\.json is damaged/)
  assert.equal(readFileSync(identityPath(folder.path), 'utf8'), '{"uuid":"01')
  assert.equal(server.seen.length, 0)
})

test('with a full disk the agent beats and reports, and status says what cannot be written', async () => {
  await using server = await openWireServer()
  using folder = temporaryFolder()
  const words = ['--server', server.url, '--state-dir', folder.path, '--provisioning-key', 'k']
  assert.equal((await run(['register', ...words])).code, 0)
  const full = ['-c', 'ulimit -f 0; exec "$@"', 'sh', process.execPath, main, ...words]
  const agent = withEnd(spawn('/bin/sh', full, { stdio: ['ignore', 'pipe', 'pipe'] }))
  await server.until(isReport)
  await server.until(isHeartbeat)
  let view = await statusOf(folder.path)
  while (view.agent?.problems.length === 0) view = await statusOf(folder.path)
  assert.equal(view.agent.problems[0].what, 'memory')
  assert.equal((await agent.stop()).code, 0)
})

test('a new device on a full disk sends nothing, since nobody would remember it', async () => {
  await using server = await openWireServer()
  using folder = temporaryFolder()
  const words = ['--server', server.url, '--state-dir', folder.path, '--provisioning-key', 'k']
  const full = ['-c', 'ulimit -f 0; exec "$@"', 'sh', process.execPath, main, ...words]
  const { code, err } = await withEnd(spawn('/bin/sh', full)).end
  assert.equal(code, exitCodes.failed)
  assert.match(err, /cannot be stored, so nothing was sent/)
  assert.equal(server.seen.length, 0)
})

test('an image flasher registers, reports its stage, prints the uuid and leaves', async () => {
  await using server = await openWireServer()
  using folder = temporaryFolder()
  const words = ['--server', server.url, '--state-dir', folder.path, '--provisioning-key', 'k']
  const { code, out } = await run(['register', ...words, '--uuid', uuid, '--stage-progress', '60'])
  assert.equal(code, 0)
  assert.equal(out, `${uuid}\n`)
  assert.deepEqual(
    server.seen.map(({ method }) => method),
    ['POST', 'PATCH'],
  )
  assert.deepEqual(reported(server.seen[1]!), {
    provisioning_state: 'Post-Provisioning',
    provisioning_progress: 60,
  })
})

test('register ends with the exit code of what refused it', async () => {
  await using server = await openWireServer()
  for (const [answer, code] of [
    [refused('provisioning-key-refused'), exitCodes.refused],
    [refused('device-uuid-taken'), exitCodes.conflict],
    [answered(500), exitCodes.failed],
  ] as const) {
    using folder = temporaryFolder()
    server.answer = () => answer
    const words = ['--server', server.url, '--state-dir', folder.path, '--provisioning-key', 'k']
    assert.equal((await run(['register', ...words])).code, code)
  }
  await server[Symbol.asyncDispose]()
  using folder = temporaryFolder()
  const words = ['--server', server.url, '--state-dir', folder.path, '--provisioning-key', 'k']
  assert.equal((await run(['register', ...words])).code, exitCodes.unreachable)
})

test('a preregistered device starts with its own key and never registers', async () => {
  await using server = await openWireServer()
  using folder = temporaryFolder()
  const words = ['--server', server.url, '--state-dir', folder.path, '--uuid', uuid]
  const agent = start(words, { MUSTER_AGENT_DEVICE_KEY: 'preregistered-key' })
  assert.equal((await server.until(isHeartbeat)).headers.authorization, 'Bearer preregistered-key')
  await agent.stop()
  assert.equal(server.seen.filter(isRegistration).length, 0)
})

test('the provisioning key is emptied in its file once the device is registered', async () => {
  await using server = await openWireServer()
  using folder = temporaryFolder()
  const file = join(folder.path, 'agent.env')
  writeFileSync(file, 'A=1\nMUSTER_AGENT_PROVISIONING_KEY=secret\nB=2\n')
  const words = ['--server', server.url, '--state-dir', folder.path, '--provisioning-key', 'secret']
  const agent = start([...words, '--forget-key-in', file])
  await server.until(isHeartbeat)
  await agent.stop()
  assert.equal(readFileSync(file, 'utf8'), 'A=1\nMUSTER_AGENT_PROVISIONING_KEY=\nB=2\n')
})

test('a tool’s report goes through the agent that runs, and to the server where none runs', async () => {
  await using server = await openWireServer()
  using folder = temporaryFolder()
  const words = ['--server', server.url, '--state-dir', folder.path, '--provisioning-key', 'k']
  await run(['register', ...words])
  const tool = ['report', '--state-dir', folder.path]
  assert.equal((await run([...tool, '--configuring', 'Installing', '--progress', '40'])).code, 0)
  assert.equal(reported(server.seen.at(-1)!).provisioning_progress, 40)
  const agent = start(words)
  const first = reported(await server.until((each) => isReport(each) && 'kernel' in reported(each)))
  assert.equal(first.provisioning_progress, 40, 'the agent does not take back what a tool said')
  const { code, out } = await run([...tool, '--configured'])
  assert.equal(code, 0)
  assert.match(out, /The agent reports it/)
  const { unreported } = (await statusOf(folder.path)).agent
  assert.ok(unreported.includes('provisioning_progress'), 'to be sent at the pace of reports')
  await agent.stop()
})

test('a goodbye through the agent is said once, with who asked, and the stop adds none', async () => {
  await using server = await openWireServer()
  using folder = temporaryFolder()
  const words = ['--server', server.url, '--state-dir', folder.path, '--provisioning-key', 'k']
  const agent = start(words)
  await server.until(isReport)
  const state = ['--state-dir', folder.path]
  const said = await run([
    'goodbye',
    ...state,
    '--cause',
    'reboot',
    '--by',
    'ann',
    '--expected-back',
    '90s',
  ])
  assert.equal(said.code, 0)
  await agent.stop()
  const goodbyes = server.seen.filter(isGoodbye).map(({ body }) => JSON.parse(body))
  assert.deepEqual(goodbyes, [{ cause: 'reboot', by: 'ann', expectedBackMs: 90_000 }])
})

test('a stop ends within three seconds even if the server never answers', async () => {
  await using server = await openWireServer()
  using folder = temporaryFolder()
  const words = ['--server', server.url, '--state-dir', folder.path, '--provisioning-key', 'k']
  await run(['register', ...words])
  server.answer = () => null
  const agent = start(words)
  await server.until(isHeartbeat)
  const askedAt = performance.now()
  assert.equal((await agent.stop()).code, 0)
  assert.ok(performance.now() - askedAt < 3_500)
  assert.equal(server.seen.filter(isGoodbye).length, 1)
})

test('status ends with 3 without a device, 1 without an agent, 6 without a server', async () => {
  const server = await openWireServer()
  using folder = temporaryFolder()
  const state = ['--state-dir', folder.path]
  assert.equal((await run(['status', ...state])).code, exitCodes.notFound)
  await run(['register', ...state, '--server', server.url, '--provisioning-key', 'k'])
  server.answer = () => answered(200, { now: 5, device: deviceView })
  const stopped = await run(['status', ...state])
  assert.equal(stopped.code, exitCodes.failed)
  assert.match(stopped.out, /agent {3}not running/)
  assert.match(stopped.out, /server {2}Operational for 0 s/)
  server.answer = () => refused('device-key-refused')
  assert.equal((await run(['status', ...state])).code, exitCodes.refused)
  await server[Symbol.asyncDispose]()
  assert.equal((await run(['status', ...state])).code, exitCodes.unreachable)
})

test('wrong arguments end with 2 and all mistakes; an unregistered device asks for its key', async () => {
  const { code, err } = await run(['--server', 'x', '--uuid', 'y'])
  assert.equal(code, exitCodes.usage)
  assert.match(err, /--server must be[\s\S]*--uuid must be/)
  using folder = temporaryFolder()
  const unregistered = await run(['--state-dir', folder.path])
  assert.equal(unregistered.code, exitCodes.usage)
  assert.match(unregistered.err, /--server URL[\s\S]*--provisioning-key KEY/)
})

test('the bundle runs alone on the Node that the system has', async () => {
  const home = join(import.meta.dirname, '..')
  execFileSync('npm', ['run', 'build', '--silent'], { cwd: home, stdio: 'ignore' })
  using folder = temporaryFolder()
  const bundle = join(folder.path, 'muster-agent.js')
  writeFileSync(bundle, readFileSync(join(home, 'dist/muster-agent.js')))
  const systemNode = existsSync('/usr/bin/node') ? '/usr/bin/node' : process.execPath
  const { version } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'))
  const printed = execFileSync(systemNode, [bundle, '--version'], { encoding: 'utf8' })
  assert.equal(printed, `${version}\n`)
  await using server = await openWireServer()
  const words = [bundle, '--server', server.url, '--state-dir', folder.path]
  const agent = withEnd(spawn(systemNode, [...words, '--provisioning-key', 'k']))
  await server.until(isReport)
  await server.until(isHeartbeat)
  assert.equal((await agent.stop()).code, 0)
  assert.equal(server.seen.filter(isGoodbye).length, 1)
})

const deviceView = {
  status: {
    status: 'operational',
    since: 5,
    reasons: [],
    progress: null,
    lapsesAt: null,
    lapsesTo: null,
  },
  heartbeat: { state: 'online' },
  cloudlink: { state: 'disabled' },
}

const tick = () => new Promise((resolve) => setImmediate(resolve))

async function statusOf(stateDir: string) {
  return JSON.parse((await run(['status', '--json', '--state-dir', stateDir])).out)
}
