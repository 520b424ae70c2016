import assert from 'node:assert/strict'
import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { errors, exitCodes } from '@muster/core/errors.ts'
import {
  deviceView,
  fleetView,
  lateDevice,
  now,
  type Reply,
  run,
  serveApi,
  startProcess,
  transitionView,
} from './fixtures.ts'

const { uuid } = lateDevice
const page = (items: unknown[], nextCursor: string | null = null): Reply => ({
  body: { items, nextCursor },
})
const device = { [`GET /devices/${uuid}`]: { body: lateDevice } }
const named = { 'GET /devices': page([lateDevice]) }

describe('a device is named', () => {
  test('by its uuid or the beginning of it, in either case of letters', async () => {
    await using api = await serveApi({ 'GET /devices/1f6c2a9': { body: lateDevice } })
    const { exit, out } = await api.run(['device', 'show', '1F6C2A9'])
    assert.equal(exit, 0)
    assert.match(out, /^quiet-river {2}1f6c2a9 {2}in fleet garden/)
  })

  test('by its exact name, never by the beginning of a name alone', async () => {
    await using api = await serveApi(named)
    assert.equal((await api.run(['device', 'show', 'quiet-river'])).exit, 0)
    const { exit, err } = await api.run(['device', 'show', 'quiet'])
    assert.equal(exit, exitCodes.notFound)
    assert.match(err, /names that begin so: quiet-river/)
  })

  test('by a name that looks like a uuid, where no uuid begins so', async () => {
    const decade = deviceView({ name: 'decade1' })
    await using api = await serveApi({
      'GET /devices/decade1': { problem: 'device-not-found' },
      'GET /devices': page([decade]),
    })
    assert.match((await api.run(['device', 'show', 'decade1'])).out, /^decade1/)
  })

  test('not by a name that two devices have', async () => {
    const twin = deviceView({ uuid: '2'.repeat(32) })
    await using api = await serveApi({ 'GET /devices': page([lateDevice, twin]) })
    const { exit, err } = await api.run(['device', 'show', 'quiet-river'])
    assert.equal(exit, exitCodes.conflict)
    assert.match(err, /1f6c2a9d.*22222222/s)
  })
})

describe('with --json', () => {
  test('an answer is exactly what the API said', async () => {
    await using api = await serveApi({ ...device, 'GET /fleets': page([fleetView()], 'more') })
    assert.deepEqual(
      JSON.parse((await api.run(['device', 'show', uuid, '--json'])).out),
      lateDevice,
    )
    const list = await api.run(['--json', 'fleet', 'list'])
    assert.deepEqual(JSON.parse(list.out), { items: [fleetView()], nextCursor: 'more' })
    assert.equal(list.err, '')
  })

  test('--all is one list of every page', async () => {
    await using api = await serveApi({
      'GET /devices': (url) =>
        url.searchParams.has('cursor') ? page([{ n: 3 }]) : page([{ n: 1 }, { n: 2 }], 'next'),
    })
    const { out } = await api.run(['device', 'list', '--all', '--json'])
    const items = [{ n: 1 }, { n: 2 }, { n: 3 }]
    assert.deepEqual(JSON.parse(out), { items, nextCursor: null, total: 3 })
  })

  test('errors are problem+json on standard error, and nothing is on standard output', async () => {
    await using api = await serveApi({})
    const { exit, out, err } = await api.run(['fleet', 'show', 'nowhere', '--json'])
    assert.equal(exit, exitCodes.notFound)
    assert.equal(out, '')
    assert.equal(JSON.parse(err).code, 'not-found')
  })

  test('a command line that cannot be parsed is a problem too', async () => {
    const { exit, err } = await run(['device', 'list', '--json', '--nonsense'])
    assert.equal(exit, exitCodes.usage)
    assert.equal(JSON.parse(err).code, 'wrong-usage')
  })
})

describe('what destroys', () => {
  const routes = {
    ...named,
    [`DELETE /devices/${uuid}`]: { status: 204 },
    [`POST /devices/${uuid}/deactivate`]: { body: lateDevice },
    'DELETE /fleets/garden': { status: 204 },
    'DELETE /fleets/garden/provisioning-keys/3': { status: 204 },
  }
  const commands = [
    ['device', 'delete', 'quiet-river'],
    ['device', 'deactivate', 'quiet-river'],
    ['fleet', 'delete', 'garden'],
    ['provisioning-key', 'revoke', 'garden', '3'],
  ]
  const isChange = ({ line }: { line: string }) => !line.startsWith('GET')

  test('is not done without a yes', async () => {
    for (const command of commands) {
      await using api = await serveApi(routes)
      assert.equal((await api.run(command)).exit, exitCodes.usage)
      for (const answer of ['', 'n', 'yesterday']) {
        const { exit, err } = await api.run(command, { answers: [answer] })
        assert.equal(exit, exitCodes.failed)
        assert.match(err, /\[y\/N\] Nothing was changed\.\n$/)
      }
      assert.ok(!api.asked.some(isChange))
    }
  })

  test('is done with --yes, or with a yes on the terminal', async () => {
    for (const command of commands) {
      await using api = await serveApi(routes)
      assert.equal((await api.run([...command, '--yes'])).exit, 0)
      assert.equal((await api.run(command, { answers: ['y'] })).exit, 0)
      assert.equal(api.asked.filter(isChange).length, 2)
    }
  })
})

describe('a change sends only what is given', () => {
  const cases: [command: string, line: string, body: unknown][] = [
    ['device rename quiet-river gate', `PATCH /devices/${uuid}`, { name: 'gate' }],
    ['device move quiet-river orchard', `PATCH /devices/${uuid}`, { fleet: 'orchard' }],
    [
      'device tag quiet-river a=1 --remove b c',
      `PATCH /devices/${uuid}`,
      { tags: { a: '1', b: null, c: null } },
    ],
    [
      'device policy quiet-river --cloudlink off --heartbeat-grace inherit',
      `PATCH /devices/${uuid}`,
      { policy: { heartbeatGraceMs: null, cloudlinkEnabled: false } },
    ],
    ['device key quiet-river --overlap 0s', `POST /devices/${uuid}/keys`, { overlapMs: 0 }],
    [
      'device preregister garden --name gate --tag a=1 b=2',
      'POST /devices',
      { fleet: 'garden', name: 'gate', tags: { a: '1', b: '2' } },
    ],
    [
      'fleet create Garden --paid --heartbeat-interval 15m',
      'POST /fleets',
      { name: 'Garden', paidType: true, policy: { heartbeatIntervalMs: 900_000 } },
    ],
    ['fleet edit garden --paid off', 'PATCH /fleets/garden', { paidType: false }],
    ['organization edit --device-allowance none', 'PATCH /organization', { deviceAllowance: null }],
    [
      'provisioning-key create garden --expires 1h',
      'POST /fleets/garden/provisioning-keys',
      // The server's clock, by its Date header, is the clock that counts.
      { expiresAt: undefined },
    ],
  ]
  for (const [command, line, body] of cases)
    test(`muster ${command}`, async () => {
      const key = { key: 'k', previousValidUntil: now, expiresAt: null, id: 1, device: lateDevice }
      const organization = { plan: {}, activeDeviceCount: 0, name: 'o' }
      await using api = await serveApi({
        ...named,
        [line]: { body: { ...lateDevice, ...fleetView(), ...key, ...organization } },
      })
      const { exit, err } = await api.run(command.split(' '))
      assert.equal(exit, 0, err)
      const sent = api.asked.at(-1)!
      assert.equal(sent.line, line)
      if (line.includes('provisioning')) assert.deepEqual(Object.keys(sent.body!), ['expiresAt'])
      else assert.deepEqual(sent.body, body)
    })

  test('and nothing given is wrong usage', async () => {
    for (const command of ['fleet edit garden', 'organization edit'])
      assert.equal((await run(command.split(' '))).exit, exitCodes.usage)
  })
})

describe('looking back', () => {
  test('times on the command line become epoch ms of the server', async () => {
    await using api = await serveApi({ 'GET /fleets/garden/history': page([transitionView()]) })
    await api.run(['fleet', 'history', 'garden', '--from', '2026-01-31T00:00Z', '--limit', '5'])
    const from = Date.UTC(2026, 0, 31)
    assert.equal(api.asked[0]!.line, `GET /fleets/garden/history?limit=5&from=${from}`)
  })

  test('a fleet at a time says so where nobody listened then', async () => {
    const { status, ...rest } = lateDevice
    const item = { ...rest, status: 'operational', since: now, heartbeat: 'online', reasons: [] }
    const body = {
      fleet: 'garden',
      at: now,
      listening: false,
      statusCounts: { operational: 1 },
      items: [{ ...item, cloudlink: 'disabled' }],
      nextCursor: null,
    }
    await using api = await serveApi({ 'GET /fleets/garden/at': { body } })
    const { out } = await api.run(['fleet', 'at', 'garden', String(now)])
    assert.match(out, /^garden at 2026-03-01 02:55:30/)
    assert.match(out, /not listening then/)
    assert.match(out, /Operational +quiet-river/)
  })
})

describe('signing in', () => {
  const routes = {
    'POST /login': { body: { token: 'fresh', expiresAt: now, email: 'me@example.org' } },
    'GET /whoami': { body: { email: 'me@example.org', organization: 'o', role: 'administrator' } },
    'POST /logout': { status: 204 },
  }

  test('asks for the password, keeps the token for its owner alone, and forgets it again', async () => {
    await using api = await serveApi(routes)
    const env = { MUSTER_SERVER: undefined, MUSTER_TOKEN: undefined }
    const login = ['login', '--server', `${api.server}/`, '--email', 'me@example.org']
    assert.equal((await api.run(login, { env })).exit, exitCodes.usage)
    const signedIn = await api.run(login, { env, answers: ['secret'] })
    assert.equal(signedIn.exit, 0, signedIn.err)
    assert.deepEqual(api.asked[0]!.body, { email: 'me@example.org', password: 'secret' })
    const path = join(api.folder, 'muster', 'config.json')
    assert.equal((await stat(path)).mode & 0o777, 0o600)
    assert.equal((await api.run(['whoami'], { env })).exit, 0)
    assert.equal(api.asked.at(-1)!.authorization, 'Bearer fresh')
    assert.equal((await api.run(['logout'], { env })).exit, 0)
    assert.equal(api.asked.at(-1)!.line, 'POST /logout')
    assert.doesNotMatch(await readFile(path, 'utf8'), /fresh/)
    assert.equal((await api.run(['whoami'], { env })).exit, exitCodes.refused)
  })

  test('takes the password from MUSTER_PASSWORD, and a token after asking whose it is', async () => {
    await using api = await serveApi(routes)
    const env = { MUSTER_TOKEN: undefined, MUSTER_PASSWORD: 'secret' }
    assert.equal((await api.run(['login', '--email', 'me@example.org'], { env })).exit, 0)
    const args = ['login', '--token', 'given', '--profile', 'other']
    assert.match((await api.run(args, { env })).out, /as me@example.org \(profile other\)/)
    assert.match((await api.run(['profile', 'list'], { env })).out, /^\* +other/m)
    await api.run(['logout'], { env })
    assert.ok(!api.asked.some(({ line }) => line === 'POST /logout'), 'a given token stays valid')
  })
})

test("a broken profile file is in nobody's way who tells everything by the environment", async () => {
  await using api = await serveApi(device)
  await mkdir(join(api.folder, 'muster'))
  await writeFile(join(api.folder, 'muster', 'config.json'), '{', { mode: 0o600 })
  assert.equal((await api.run(['device', 'show', uuid])).exit, 0)
  const { exit, err } = await api.run(['whoami'], { env: { MUSTER_TOKEN: '' } })
  assert.equal(exit, exitCodes.usage)
  assert.match(err, /config\.json is not a file that muster wrote/)
})

test('a file of profiles that others can read is refused, with how to close it', async () => {
  await using api = await serveApi(device)
  await mkdir(join(api.folder, 'muster'))
  const path = join(api.folder, 'muster', 'config.json')
  const profiles = { default: { server: api.server, token: 'hush', email: 'me@example.org' } }
  await writeFile(path, JSON.stringify({ current: 'default', profiles }), { mode: 0o644 })
  const env = { MUSTER_SERVER: undefined, MUSTER_TOKEN: undefined }
  const open = await api.run(['device', 'show', uuid], { env })
  assert.equal(open.exit, exitCodes.usage)
  assert.match(open.err, /chmod 600/)
  await chmod(path, 0o600)
  assert.equal((await api.run(['device', 'show', uuid], { env })).exit, 0)
  for (const args of ['profile list', 'profile list --wide', 'profile list --json', 'whoami'])
    assert.doesNotMatch((await api.run(args.split(' '), { env })).out, /hush/)
})

describe('watching', () => {
  test('prints one event a line as JSON, resuming where its connection broke', async () => {
    const transition = (id: number) =>
      `id: ${id}\nevent: transition\ndata: ${JSON.stringify(transitionView({ id }))}\n\n`
    await using api = await serveApi({
      ...device,
      [`GET /devices/${uuid}/history`]: page([transitionView({ id: 6 })]),
      'GET /stream': { events: `${transition(7)}: keepalive\n\n${transition(8)}` },
    })
    const watch = startProcess(['device', 'watch', uuid, '--json'], api.env)
    let text = ''
    for await (const piece of watch.child.stdout) {
      text += piece
      if (text.split('\n').length > 2) break
    }
    watch.child.kill('SIGINT')
    await watch.ended
    const events = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    assert.deepEqual(events[1], { event: 'transition', id: 8, data: transitionView({ id: 8 }) })
    assert.equal(api.asked.at(-1)!.line, `GET /stream?device=${uuid}&after=6`)
  })

  test('takes devices or a fleet, not both', async () => {
    const { exit } = await run(['device', 'watch', 'a', '--fleet', 'b'])
    assert.equal(exit, exitCodes.usage)
  })
})

describe('as a process', () => {
  test('its exit code is the one that the registry gives', async () => {
    await using api = await serveApi({
      ...device,
      'GET /whoami': { problem: 'unauthenticated' },
      'GET /organization': { problem: 'internal' },
      'GET /fleets': { problem: 'store-unavailable' },
      'POST /fleets': { problem: 'fleet-name-taken' },
    })
    const cases: [args: string, exit: number][] = [
      [`device show ${uuid}`, exitCodes.ok],
      ['organization show', exitCodes.failed],
      ['device show', exitCodes.usage],
      ['fleet show nowhere', exitCodes.notFound],
      ['whoami', exitCodes.refused],
      ['fleet create Garden', exitCodes.conflict],
      ['fleet list', exitCodes.unreachable],
    ]
    for (const [args, exit] of cases) {
      const ended = await startProcess(args.split(' '), api.env).ended
      assert.equal(ended.exit, exit, `${args}: ${ended.err}`)
      assert.equal(ended.out !== '', exit === 0)
    }
  })

  test('nobody listening is said with what to do, and in a pipe nothing is coloured or cut', async () => {
    await using api = await serveApi(device)
    const env = { ...api.env, MUSTER_SERVER: 'http://127.0.0.1:1', LANG: 'C.UTF-8' }
    const { exit, err } = await startProcess(['whoami'], env).ended
    assert.equal(exit, exitCodes.unreachable)
    assert.match(err, /cannot be reached\n.*127\.0\.0\.1:1.*\n.*Check the address/)
    const { out } = await startProcess(['device', 'show', uuid], api.env).ended
    assert.ok(!out.includes('\u001b') && !out.includes('…') && !out.includes('◐'))
  })
})

describe('help', () => {
  test('shows examples, and goes to standard output with exit code 0', async () => {
    for (const args of ['device list --help', 'help device list', 'fleet at -h']) {
      const { exit, out, err } = await run(args.split(' '))
      assert.deepEqual([exit, err], [0, ''])
      assert.match(out, /^Usage: muster (device list|fleet at) .*Examples:\n {2}\$ muster /s)
    }
  })

  test('about exit codes names every error of the registry', async () => {
    const { out } = await run(['help', 'exit-codes'])
    for (const code of Object.keys(errors)) assert.ok(out.includes(code), code)
  })

  test('as a manual holds every command once, with its examples', async () => {
    const { out } = await run(['help', 'manual'])
    assert.equal(out.match(/^### muster device show$/gm)?.length, 1)
    assert.equal(out.match(/\$ muster device show quiet-river$/gm)?.length, 1)
    assert.doesNotMatch(out, /Global Options/)
    for (const command of out.split('```text\n').slice(1))
      assert.match(command, /^Usage: .*\n\n[A-Z].*\nExamples:\n {2}\$ /s, command)
  })

  test('is wrong usage for a word that it does not know', async () => {
    assert.equal((await run(['help', 'nonsense'])).exit, exitCodes.usage)
    assert.equal((await run([])).exit, exitCodes.usage)
  })
})

test('a device cannot write on the terminal of the person who looks at it', async () => {
  const facts = { os_version: '\u001b]0;owned\u0007\u001b[2J' }
  await using api = await serveApi({ [`GET /devices/${uuid}`]: { body: { ...lateDevice, facts } } })
  const { out } = await api.run(['device', 'show', uuid], { columns: 80, env: { NO_COLOR: '1' } })
  assert.ok(!out.includes('\u001b') && !out.includes('\u0007'))
})
