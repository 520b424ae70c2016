// People reach devices that nobody can reach: the real OpenSSH client and server, with a device behind a
// router that translates addresses and lets nothing in; a tunnel, a terminal and a page of the device;
// and what becomes of all of them when the network, a key or a right goes.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  closeSync,
  createReadStream,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { request } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { buffer, text } from 'node:stream/consumers'
import { test } from 'node:test'
import type { AuditEntryView } from '@muster/core/audit-api.ts'
import { terminalProtocol } from '@muster/core/terminal-protocol.ts'
import { WebSocket } from 'ws'
import { rootDir } from '../tools/house.ts'
import { programs } from '../tools/processes.ts'
import { findProgram, freePort } from '../tools/services.ts'
import { administrator, openStage, quick, type Stage, type TestAgent, until } from './fixtures.ts'
import { networkSkip, openCable, openNat } from './network.ts'

const sshSkip =
  findProgram('sshd') && findProgram('ssh') && process.getuid?.() === 0
    ? false
    : 'sshd is not installed (apt-get install openssh-server), or this is not root'
const natSkip =
  sshSkip || networkSkip || (findProgram('iptables') ? false : 'iptables is not installed')

const linked = {
  ...quick,
  cloudlinkEnabled: true,
  cloudlinkKeepaliveMs: 10_000,
  cloudlinkGraceMs: 3_000,
}
const domain = 'devices.example.net'
const authorization = `Bearer ${administrator.MUSTER_ADMIN_TOKEN}`
/** Right, token and keys are looked at again every half a minute. */
const soonMs = 35_000

test('a device behind a NAT that lets nothing in is reached in every way; a cut ends what is open, in words', {
  skip: natSkip,
}, async () => {
  using cable = openCable()
  using nat = openNat(cable)
  const ports = [await freePort(), await freePort()] as const
  const env = {
    MUSTER_HOST: '0.0.0.0',
    MUSTER_DEVICE_URL_DOMAIN: domain,
    MUSTER_PUBLIC_URL: 'http://muster.example.org',
  }
  await using stage = await openStage({ policy: linked, env })
  const there = stage.crew.start([join(rootDir, 'e2e/programs-there.ts'), ...ports.map(String)], {
    through: nat.through,
  })
  await until('programs there', () => (there.said().includes('are there') ? true : null))
  const agent = await stage.runAgent('pump', {
    through: nat.through,
    server: `http://${cable.address}:${stage.server.port}`,
    env: { MUSTER_AGENT_STREAM_TARGETS: ['ssh', ...ports.map((p) => `localhost:${p}`)].join() },
  })
  const person = await openPerson(stage)

  const said = await person.muster('ssh', 'pump', '--', 'ip -o -4 address show wan; exit 7')
  assert.equal(said.code, 7, said.err)
  assert.match(said.out, /192\.168\.77\.2/, 'it is the device that answers')
  const plain = await person.openssh('ssh', 'pump.muster', 'echo "$0"').ended
  assert.deepEqual([plain.code, plain.out], [0, 'bash\n'], plain.err)
  await assertCopies(stage, person)

  const session = person.openssh('ssh', 'pump.muster', 'echo ready; sleep 600')
  await until(
    () => `the session: ${session.said()} ${agent.process.said().slice(-2000)}`,
    () => (session.said().includes('ready') ? true : null),
  )
  await assertTunnel(stage, ports[0])
  await assertTerminal(stage, agent)
  await assertPage(stage, agent, ports[1])

  const cutAt = Date.now()
  cable.cut()
  await stage.untilStatus(agent.uuid, 'disconnected')
  const ended = await session.ended
  assert.equal(ended.code, 255, 'what OpenSSH says of a connection that is gone')
  assert.match(ended.err, /stream was lost|has fallen silent/i)
  assert.ok(Date.now() - cutAt < 60_000, `${Date.now() - cutAt} ms`)
  await until('no sshd is left at the device', () => (keysOf(agent).length === 0 ? true : null))
  cable.heal()
  await stage.untilStatus(agent.uuid, 'operational', 40_000)
  await assertStory(stage, agent, cutAt)
})

test('what allowed a stream must hold: without its key, its token, or of a frozen device it ends, and none begins', {
  skip: sshSkip,
}, async () => {
  await using stage = await openStage({ policy: linked })
  const pump = await stage.runAgent('pump')
  const gate = await stage.runAgent('gate')
  const [ada, bob] = [await openPerson(stage), await openPerson(stage)]
  const hold = async (person: Person, device: string) => {
    const session = person.openssh('ssh', `${device}.muster`, 'echo ready; sleep 600')
    await until('the session', () => (session.said().includes('ready') ? true : null))
    return session
  }
  const onPump = await hold(ada, 'pump')
  const byToken = await hold(bob, 'gate')
  const frozen = await hold(ada, 'gate')

  await stage.api.devices.switch(gate.uuid, 'freeze')
  const frozenAt = Date.now()
  for (const session of [frozen, byToken]) {
    const { code, err } = await session.ended
    assert.deepEqual([code, /frozen/i.test(err)], [255, true], err)
  }
  assert.ok(Date.now() - frozenAt < 5_000, 'at once')
  assert.match((await ada.openssh('ssh', 'gate.muster', 'true').ended).err, /frozen/i)

  const { items } = await stage.api.sshKeys.list()
  await stage.api.sshKeys.remove(items.find(({ name }) => name === ada.name)!.id)
  const removedAt = Date.now()
  const refused = await ada.openssh('ssh', 'pump.muster', 'true').ended
  assert.match(refused.err, /Permission denied \(publickey\)/)
  const { code, err } = await onPump.ended
  assert.deepEqual([code, /SSH key .* has been removed/.test(err)], [255, true], err)
  assert.ok(Date.now() - removedAt < soonMs, `${Date.now() - removedAt} ms`)
  assert.equal((await bob.openssh('ssh', 'pump.muster', 'true').ended).code, 0)
  await until('no sshd is left', () => (keysOf(pump).length === 0 ? true : null))
})

type Person = Awaited<ReturnType<typeof openPerson>>

/** Somebody with a key, an ssh-agent, and what `muster ssh-config` says. */
async function openPerson(stage: Stage) {
  const name = `ada-${randomBytes(3).toString('hex')}`
  const home = join(stage.folder, name)
  mkdirSync(home)
  const keyFile = join(home, 'id_ed25519')
  const socket = join(home, 'agent')
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', keyFile])
  stage.crew.start(['-D', '-a', socket], { node: findProgram('ssh-agent')! })
  await until('an ssh-agent', () => (existsSync(socket) ? true : null))
  const env = {
    HOME: home,
    SSH_AUTH_SOCK: socket,
    MUSTER_SERVER: stage.server.url,
    MUSTER_TOKEN: administrator.MUSTER_ADMIN_TOKEN,
  }
  execFileSync('ssh-add', ['-q', keyFile], { env: { ...process.env, ...env } })
  const muster = (...words: string[]) => stage.crew.run([programs.muster, ...words], { env })
  const added = await muster('ssh-key', 'add', `${keyFile}.pub`, '--name', name)
  assert.equal(added.code, 0, added.err)
  const config = await muster('ssh-config')
  writeFileSync(join(home, 'config'), config.out)
  return {
    name,
    home,
    muster,
    /** A program of OpenSSH, as somebody has it who never heard of Muster. */
    openssh: (program: 'ssh' | 'scp', ...words: string[]) =>
      stage.crew.start(['-F', join(home, 'config'), ...words], {
        env,
        node: findProgram(program)!,
      }),
  }
}

/** 1 GB, of which no two pieces are alike. */
async function assertCopies(stage: Stage, { home, openssh }: Person): Promise<void> {
  const [here, there] = [join(home, 'large'), join(stage.folder, 'large-there')]
  const piece = randomBytes(8 * 1024 * 1024)
  const file = openSync(here, 'w')
  for (let i = 0; i < 128; i++) {
    piece.writeUInt32BE(i)
    writeSync(file, piece)
  }
  closeSync(file)
  const beganAt = Date.now()
  const sent = await openssh('scp', '-q', here, `pump.muster:${there}`).ended
  assert.equal(sent.code, 0, sent.err)
  console.log(`# 1 GB by scp took ${((Date.now() - beganAt) / 1_000).toFixed(1)} s`)
  const [sentHash, arrivedHash] = await Promise.all([hashOf(here), hashOf(there)])
  assert.equal(arrivedHash, sentHash)
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const piece of createReadStream(path, { highWaterMark: 1024 * 1024 }))
    hash.update(piece)
  return hash.digest('hex')
}

async function assertTunnel(stage: Stage, port: number): Promise<void> {
  const local = await freePort()
  const env = { MUSTER_SERVER: stage.server.url, MUSTER_TOKEN: administrator.MUSTER_ADMIN_TOKEN }
  const tunnel = stage.crew.start([programs.muster, 'tunnel', 'pump', `${port}:${local}`], { env })
  await until('the tunnel', () => (tunnel.said().includes('Ctrl-C') ? true : null))
  const all = Array.from({ length: 20 }, () => randomBytes(300_000))
  const answers = all.map((bytes) => {
    const socket = connect({ port: local, host: '127.0.0.1', allowHalfOpen: true })
    // Ends its own direction; the answer comes after that.
    socket.end(bytes)
    return buffer(socket)
  })
  assert.deepEqual(await Promise.all(answers), all)
  await tunnel.stop('SIGINT')
}

async function assertTerminal({ server }: Stage, { uuid }: TestAgent): Promise<void> {
  const url = `${server.url.replace('http', 'ws')}/api/v1/devices/${uuid}/terminal`
  const terminal = new WebSocket(`${url}?columns=90&rows=20`, terminalProtocol, {
    headers: { authorization },
  })
  const shown: Buffer[] = []
  let news = ''
  terminal.on('message', (data: Buffer, isBinary) => {
    if (isBinary) shown.push(data)
    else news += String(data)
  })
  const screen = () => Buffer.concat(shown).toString()
  const type = (line: string) => terminal.send(Buffer.from(`${line}\n`))
  const untilShown = (what: string) =>
    until(
      () => `${what}, but ${screen()} ${news}`,
      () => (screen().includes(what) ? true : null),
    )
  await until('the shell', () => (news.includes('"opened"') ? true : null))
  type('echo "size is" $(stty size)')
  await untilShown('size is 20 90')
  terminal.send(JSON.stringify({ type: 'resize', columns: 120, rows: 40 }))
  await until('the new size', async () => {
    type('echo "size is" $(stty size)')
    return screen().includes('size is 40 120') ? true : null
  })
  type("printf 'gr%s %s\\n' 'üße' '日本🚀'")
  await untilShown('grüße 日本🚀')
  type('exit 3')
  const [code] = await once(terminal, 'close')
  assert.equal(code, 1000)
  assert.match(news, /"exit","code":3/)
}

async function assertPage({ api, server }: Stage, { uuid }: TestAgent, port: number) {
  await api.deviceUrl.enable(uuid, { port })
  const host = `${uuid}.${domain}`
  const ask = async (headers: Record<string, string>) => {
    const asked = request(`${server.url}/level?x=1`, { headers: { host, ...headers } }).end()
    const [answer] = await once(asked, 'response')
    return [answer.statusCode, await text(answer)]
  }
  assert.deepEqual(await ask({ authorization }), [200, 'the page /level?x=1 with no token'])
  assert.equal((await ask({}))[0], 401, 'and is for members only')
  const socket = new WebSocket(server.url.replace('http', 'ws'), {
    headers: { host, authorization },
  })
  await once(socket, 'open')
  socket.send('to and fro')
  assert.equal(String((await once(socket, 'message'))[0]), 'to and fro')
  socket.close()
  await once(socket, 'close')
}

/** The history says when it was gone and came back, and the log what was open and why it ended. */
async function assertStory(stage: Stage, { uuid }: TestAgent, cutAt: number): Promise<void> {
  const steps = (await stage.history(uuid)).filter(({ at }) => at > cutAt)
  const lost = steps.find(({ to }) => to === 'disconnected')
  assert.deepEqual(
    lost?.reasons.map(({ code }) => code),
    ['heartbeat-lost', 'cloudlink-down'],
  )
  assert.ok(lost!.at < steps.at(-1)!.at)
  assert.equal(steps.at(-1)!.to, 'operational')
  const log: AuditEntryView[] = []
  for await (const { items } of stage.api.audit.pages({})) log.push(...items)
  const closed = log.filter(({ operation }) => operation === 'devices.streams.close')
  const opened = log.filter(({ operation }) => operation === 'devices.streams.open')
  // Three of SSH, one of scp, and those of the tunnel.
  assert.deepEqual([opened.length, closed.length], [24, 24])
  const why = closed.map(({ detail }) => String((detail as { why: unknown }).why))
  assert.deepEqual(
    why.filter((one) => one !== 'ended'),
    ['the other side has fallen silent'],
    why.join(),
  )
  for (const what of ['open', 'close'])
    assert.equal(log.filter(({ operation }) => operation === `devices.terminal.${what}`).length, 1)
}

/** Of each sshd that runs for a stream the agent keeps one file. */
function keysOf({ stateDir }: TestAgent): string[] {
  return readdirSync(join(stateDir, 'ssh')).filter((name) => name.startsWith('keys-'))
}
