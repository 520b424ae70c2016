// What a device may not do with the key that it has: reach another device, the network of the server, or
// the API of people. Tried from the network of the device, by a program that took the key of the real
// agent beside it.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { AuditEntryView } from '@muster/core/audit-api.ts'
import { cloudlinkProtocol } from '@muster/core/cloudlink-wire.ts'
import { exitCodes } from '@muster/core/exit-codes.ts'
import { streamEpochHeader, streamProtocol, streamTokenHeader } from '@muster/core/streams-wire.ts'
import { terminalProtocol } from '@muster/core/terminal-protocol.ts'
import { WebSocket } from 'ws'
import { rootDir } from '../tools/house.ts'
import { freePort, startNats } from '../tools/services.ts'
import { openStage, quick, type Stage, stores, until } from './fixtures.ts'
import type { Attempt } from './hostile-there.ts'
import { networkSkip, openCable } from './network.ts'
import type { WireDevice } from './wire-device.ts'

const [, postgres] = stores
const relaySkip =
  networkSkip ||
  postgres.skip ||
  (process.env.MUSTER_TEST_NATS_URL ? false : 'MUSTER_TEST_NATS_URL is not set')
const linked = { ...quick, cloudlinkEnabled: true }
const domain = 'devices.example.net'
const toStream = { connection: 'Upgrade', upgrade: streamProtocol }
const toWebSocket = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
}
const as = (key: string) => ({ authorization: `Bearer ${key}` })

/** Without `what`, which is its name in the table, and the address, which is the same for all. */
type Try = Attempt extends infer A
  ? A extends Attempt
    ? Omit<A, 'what' | 'host' | 'port'>
    : never
  : never
type Table = Record<string, readonly [attempt: Try, outcome: string]>

test('the key of a device opens nothing of another device, of the server’s network or of people', {
  skip: networkSkip,
}, async () => {
  using cable = openCable()
  const env = {
    MUSTER_HOST: '0.0.0.0',
    MUSTER_DEVICE_URL_DOMAIN: domain,
    MUSTER_PUBLIC_URL: 'http://muster.example.org',
  }
  await using stage = await openStage({ policy: linked, env })
  const { through, address } = cable
  const server = `http://${address}:${stage.server.port}`
  const pump = await stage.runAgent('pump', { through, server })
  const key = keyIn(pump.stateDir)
  const gate = await stage.addWireDevice()
  await gate.heartbeat()
  await stage.api.deviceUrl.enable(gate.uuid, { port: 80 })
  const attempt = attempter(stage, through, { host: address, port: stage.server.port })

  await attempt(ofPeople(key, pump.uuid, gate.uuid))
  await attempt(ofAnother(key, gate.uuid))
  await assertTokens(stage, gate, { key, uuid: pump.uuid, attempt })

  for (const words of [
    ['--port', '22'],
    ['--port', '80', '--host', address],
  ]) {
    const refused = await stage.muster('stream', 'pump', ...words)
    assert.equal(refused.code, exitCodes.refused)
    assert.match(refused.err, /does not allow streams to this target/)
  }
  await attempt({
    'asking the server to open a stream': [
      {
        by: 'link',
        path: `/cloudlink/${pump.uuid}`,
        headers: as(key),
        message: {
          type: 'open-stream',
          token: '0.00000000.0000000000',
          target: { kind: 'tcp', host: '127.0.0.1', port: stage.server.port },
        },
      },
      '4005 not-understood',
    ],
  })
  assert.notEqual((await stage.api.devices.read(gate.uuid)).name, 'taken over')
  await assertLog(stage, pump.uuid)
})

/** Where people and programs go, a device is nobody. */
function ofPeople(key: string, own: string, other: string): Table {
  const ask = (path: string, more: Partial<Extract<Try, { by: 'http' }>> = {}): Try => ({
    by: 'http',
    path: `/api/v1${path}`,
    ...more,
    headers: { ...as(key), ...more.headers },
  })
  const stranger = '401 unauthenticated'
  const terminal = { ...toWebSocket, 'sec-websocket-protocol': terminalProtocol }
  return {
    'the list of devices': [ask('/devices'), stranger],
    'itself, as people see it': [ask(`/devices/${own}`), stranger],
    'an action on another': [
      ask(`/devices/${other}/actions`, { method: 'POST', body: { kind: 'reboot' } }),
      stranger,
    ],
    'a stream to another': [
      ask(`/devices/${other}/streams?port=80`, { headers: toStream }),
      stranger,
    ],
    'a stream to itself': [ask(`/devices/${own}/streams`, { headers: toStream }), stranger],
    'a terminal on another': [ask(`/devices/${other}/terminal`, { headers: terminal }), stranger],
    'a new token': [ask('/tokens', { method: 'POST', body: { name: 'mine' } }), stranger],
    'the audit log': [ask('/audit'), stranger],
  }
}

/** The doors for devices, and for visitors of a device, with the name of another. */
function ofAnother(key: string, other: string): Table {
  const refused = '401 device-key-refused'
  const body = { [other]: { name: 'taken over' } }
  const headers = as(key)
  const link = { ...toWebSocket, 'sec-websocket-protocol': cloudlinkProtocol }
  const connectTo = 'CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1:22\r\n\r\n'
  return {
    'its target state': [{ by: 'http', path: `/device/v3/${other}/state`, headers }, refused],
    'its report': [
      { by: 'http', method: 'PATCH', path: '/device/v3/state', headers, body },
      refused,
    ],
    'its goodbye': [
      {
        by: 'http',
        method: 'POST',
        path: `/device/v1/${other}/goodbye`,
        headers,
        body: { cause: 'shutdown' },
      },
      refused,
    ],
    'its link': [
      { by: 'http', path: `/cloudlink/${other}`, headers: { ...headers, ...link } },
      refused,
    ],
    'its page': [
      { by: 'http', path: '/', headers: { ...headers, host: `${other}.${domain}` } },
      '401 unauthenticated',
    ],
    'the server as a proxy': [{ by: 'bytes', bytes: connectTo }, 'closed'],
    'the server as a proxy for HTTP': [
      { by: 'http', path: 'http://127.0.0.1:22/there', headers },
      '404 not-found',
    ],
  }
}

type Hostile = { key: string; uuid: string; attempt(table: Table): Promise<void> }

/** A token is for the device that was asked, over the link by which it was, and once. */
async function assertTokens(stage: Stage, gate: WireDevice, { key, uuid, attempt }: Hostile) {
  const link = await openLink(stage, gate)
  const asking = stage.muster('stream', gate.uuid, '--port', '80')
  const token = await until('the token', () => link.token())
  const dial = (whose: string, by: string, epoch = link.epoch): Try => ({
    by: 'http',
    path: `/cloudlink/${whose}/streams`,
    headers: {
      ...as(by),
      ...toStream,
      [streamTokenHeader]: token,
      [streamEpochHeader]: String(epoch),
    },
  })
  const refused = '403 stream-token-refused'
  await attempt({
    'the token of another, for itself': [dial(uuid, key), refused],
    'the token of another, in its name': [dial(gate.uuid, key), '401 device-key-refused'],
    'an older link': [dial(gate.uuid, gate.key, link.epoch - 1), refused],
    'the one that was asked': [dial(gate.uuid, gate.key), '101'],
    'the same again': [dial(gate.uuid, gate.key), refused],
  })
  // The program has gone, and the stream of it.
  assert.equal((await asking).code, exitCodes.unreachable)
  link.close()
}

/** The link of a device that does not dial back by itself. */
async function openLink({ server }: Stage, { uuid, key }: WireDevice) {
  const url = `${server.url.replace('http', 'ws')}/cloudlink/${uuid}`
  const socket = new WebSocket(url, cloudlinkProtocol, { headers: as(key) })
  const heard: { type: string; epoch: number; token: string }[] = []
  socket.on('message', (data) => heard.push(JSON.parse(String(data))))
  socket.once('open', () => socket.send(JSON.stringify({ type: 'hello', instance: 'instance-1' })))
  const find = (type: string) => heard.find((message) => message.type === type)
  const { epoch } = await until('the welcome', () => find('welcome'))
  return { epoch, token: () => find('open-stream')?.token, close: () => socket.close() }
}

/** What people asked and were refused is in the log; strangers have no organization to have one. */
async function assertLog({ api }: Stage, uuid: string): Promise<void> {
  const log: AuditEntryView[] = []
  for await (const { items } of api.audit.pages({ operation: 'devices.streams' }))
    log.push(...items)
  const refused = log.filter(({ target, outcome }) => target?.includes(uuid) && outcome !== 'ok')
  assert.deepEqual(
    refused.map(({ code, user }) => [code, user]),
    Array.from({ length: 2 }, () => ['stream-target-refused', 'ada@example.org']),
  )
  const all: AuditEntryView[] = []
  for await (const { items } of api.audit.pages({})) all.push(...items)
  assert.deepEqual(
    all.filter(({ user }) => user === null),
    [],
  )
}

test('the port between replicas lets nobody in who was not invited, and no token leads to another door', {
  skip: relaySkip,
}, async () => {
  using cable = openCable()
  await using nats = await startNats()
  const relayPort = await freePort()
  const env = {
    MUSTER_HOST: '0.0.0.0',
    MUSTER_NATS_URL: nats.url,
    MUSTER_REPLICA_ADDRESS: `${cable.address}:${relayPort}`,
  }
  await using stage = await openStage({ store: postgres, policy: linked, env })
  const { through, address: host } = cable
  const server = `http://${host}:${stage.server.port}`
  const { uuid, stateDir } = await stage.runAgent('pump', { through, server })
  const key = keyIn(stateDir)
  await attempter(stage, through, { host, port: relayPort })({
    'a guessed key': [{ by: 'tls' }, 'turned away'],
    'no TLS at all': [{ by: 'bytes', bytes: 'GET / HTTP/1.1\r\n\r\n' }, 'closed'],
  })
  const dial = (token: string): Try => ({
    by: 'http',
    path: `/cloudlink/${uuid}/streams`,
    headers: { ...as(key), ...toStream, [streamTokenHeader]: token, [streamEpochHeader]: '1' },
  })
  await attempter(stage, through, { host, port: stage.server.port })({
    'a replica that is none': [dial('nowhere.aaaaaaaa.bbbbbbbb'), '503 replicas-apart'],
    'the question of replicas': [dial('ask.aaaaaaaa.bbbbbbbb'), '503 replicas-apart'],
  })
  assert.equal((await stage.api.devices.read(uuid)).cloudlink.state, 'connected')
})

function keyIn(stateDir: string): string {
  return JSON.parse(readFileSync(join(stateDir, 'identity.json'), 'utf8')).deviceKey
}

/** Makes all attempts of a table by one program on the device, and demands the outcomes. */
function attempter(
  { crew }: Stage,
  through: readonly string[],
  at: { host: string; port: number },
) {
  return async (table: Table) => {
    const attempts = Object.entries(table).map(([what, [attempt]]) => ({ what, ...at, ...attempt }))
    const words = [join(rootDir, 'e2e/hostile-there.ts'), JSON.stringify(attempts)]
    const { out, err } = await crew.run(words, { through })
    assert.deepEqual(
      out === '' ? err : JSON.parse(out),
      Object.fromEntries(Object.entries(table).map(([what, [, outcome]]) => [what, outcome])),
    )
  }
}
