import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exitCodes } from '@muster/core/errors.ts'
import { helpText, parseArguments, parseDurationMs, type Wish } from './args.ts'
import { maxStateDirBytes } from './control.ts'

const uuid = '0123456789abcdef0123456789abcdef'

function wishOf(line: string, env: Record<string, string> = {}): Wish {
  const parsed = parseArguments(line.split(' ').filter(Boolean), env)
  assert.ok(parsed.ok, parsed.ok ? '' : parsed.mistakes.join())
  return parsed.wish
}

function mistakesOf(words: string[], env: Record<string, string> = {}): string[] {
  const parsed = parseArguments(words, env)
  return parsed.ok ? [] : parsed.mistakes
}

test('without a command the agent runs', () => {
  const wish = wishOf(`--server https://m.example/ --provisioning-key k --uuid ${uuid} --name=pump`)
  assert.deepEqual(wish, {
    command: 'run',
    server: 'https://m.example',
    stateDir: '/var/lib/muster-agent',
    caFile: null,
    clientCertFile: null,
    clientKeyFile: null,
    proxy: { https: null, http: null, except: '' },
    provisioningKey: 'k',
    deviceKey: null,
    name: 'pump',
    uuid,
    deviceType: null,
    pretendPower: false,
    dockerSocket: undefined,
    forgetKeyIn: null,
    streamTargets: { ssh: true, ports: [] },
    sshUsers: ['root'],
  })
})

test('what the command line does not say the environment may; empty there means unset', () => {
  const env = {
    MUSTER_AGENT_SERVER: 'https://env.example',
    MUSTER_AGENT_PROVISIONING_KEY: 'from-env',
    MUSTER_AGENT_STATE_DIR: '/state',
    MUSTER_AGENT_NAME: '',
  }
  const wish = wishOf('--server https://line.example', env)
  assert.ok(wish.command === 'run')
  assert.equal(wish.server, 'https://line.example')
  assert.equal(wish.provisioningKey, 'from-env')
  assert.equal(wish.stateDir, '/state')
  assert.equal(wish.name, null)
  assert.equal(wishOf('status', env).command, 'status')
})

test('all mistakes are told at once', () => {
  const mistakes = mistakesOf(
    ['--server', 'ftp://x', '--uuid', 'ABC', '--what', '--progress', '3', '--name'],
    { MUSTER_AGENT_PROVISIONING_KEY: 'with space' },
  )
  assert.equal(mistakes.length, 6)
  for (const word of ['--server', '--uuid', '--what', '--progress', '--name', '--provisioning-key'])
    assert.ok(
      mistakes.some((each) => each.includes(word)),
      word,
    )
})

test('a word that is no command is named, with those that are', () => {
  assert.match(mistakesOf(['reprot'])[0]!, /"reprot"; there are run, register, report/)
})

test('an option is given once, with its value, to a command that has it', () => {
  assert.match(mistakesOf(['--name', 'a', '--name', 'b'])[0]!, /given twice/)
  assert.match(mistakesOf(['status', '--json=yes'])[0]!, /takes no value/)
  assert.match(mistakesOf(['status', '--name', 'a'])[0]!, /does not go with "status"/)
  assert.match(mistakesOf(['--server', '--name', 'a'])[0]!, /--server needs a value/)
})

test('a tool reports one thing at a time', () => {
  assert.equal(mistakesOf(['report']).length, 1)
  assert.equal(mistakesOf(['report', '--configured', '--configuring', 'x']).length, 1)
  assert.equal(mistakesOf(['report', '--configured', '--progress', '4']).length, 1)
  assert.equal(mistakesOf(['report', '--update-status', 'half']).length, 1)
  const wish = wishOf('report --update-status applying-changes --progress 30')
  assert.ok(wish.command === 'report')
  assert.deepEqual(wish.statements, [
    { kind: 'update', updateStatus: 'applying-changes', progress: 30 },
  ])
})

test('progress is from 0 to 100', () => {
  for (const progress of ['0', '100', '12.5'])
    assert.deepEqual(mistakesOf(['report', '--configuring', 'x', '--progress', progress]), [])
  for (const progress of ['-1', '101', 'half', ''])
    assert.equal(mistakesOf(['register', `--stage-progress=${progress}`]).length, 1)
})

test('a goodbye needs a cause, and may say who asked and when the device is back', () => {
  assert.equal(mistakesOf(['goodbye']).length, 1)
  assert.equal(mistakesOf(['goodbye', '--cause', 'boredom']).length, 1)
  const wish = wishOf('goodbye --cause reboot --by ann --expected-back 90s')
  assert.ok(wish.command === 'goodbye')
  assert.deepEqual([wish.cause, wish.by, wish.expectedBackMs], ['reboot', 'ann', 90_000])
})

test('a time is a number with its unit, up to 30 days', () => {
  assert.equal(parseDurationMs('250ms'), 250)
  assert.equal(parseDurationMs('90s'), 90_000)
  assert.equal(parseDurationMs('5m'), 300_000)
  assert.equal(parseDurationMs('720h'), 30 * 86_400_000)
  for (const text of ['90', '31d', '1.5h', 's', '-1s', ''])
    assert.equal(parseDurationMs(text), null)
})

test('a state folder in which no socket fits is refused', () => {
  const dir = `/${'d'.repeat(maxStateDirBytes - 1)}`
  assert.deepEqual(mistakesOf(['status', '--state-dir', dir]), [])
  assert.equal(mistakesOf(['status', '--state-dir', `${dir}d`]).length, 1)
})

test('help and version win over mistakes, and help names every exit code', () => {
  assert.equal(wishOf('--help --nonsense').command, 'help')
  assert.equal(wishOf('status -h').command, 'help')
  assert.equal(wishOf('--version').command, 'version')
  for (const code of Object.values(exitCodes))
    assert.match(helpText(), new RegExp(`^  ${code} `, 'm'))
})
