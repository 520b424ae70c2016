// Members of a single fleet, at the doors that are no ordinary requests: streams, terminals, URLs of
// devices and the live stream. What every role may ask over HTTP is tested in api/rights.test.ts.

import assert from 'node:assert/strict'
import { type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { streamProtocol } from '@muster/core/streams-wire.ts'
import { terminalProtocol } from '@muster/core/terminal-protocol.ts'
import { hashKey } from '../auth/keys.ts'
import { adminToken, keyOf, openServer, type TestServer, uuidOf } from './fixtures.ts'

const [own, foreign] = [uuidOf(1), uuidOf(2)]

async function openHouse() {
  const server = await openServer()
  await server.app.fastify.listen({ port: 0, host: '127.0.0.1' })
  const { port } = server.app.fastify.server.address() as AddressInfo
  const fleetIds: number[] = []
  for (const [slug, uuid] of [
    ['kiosks', own],
    ['trams', foreign],
  ] as const) {
    fleetIds.push((await server.addFleet(slug)).id)
    await server.register(await server.addProvisioningKey(slug), { uuid })
    await server.call('PUT', `/devices/${uuid}/url`, { port: 80 })
  }
  return {
    ...server,
    port,
    operator: await addMemberOf(server, fleetIds[0]!, 'operator'),
    observer: await addMemberOf(server, fleetIds[0]!, 'observer'),
  }
}

async function addMemberOf({ database }: TestServer, fleetId: number, role: string) {
  const { write } = database
  const insert = async (table: 'users' | 'members', values: object): Promise<number> => {
    const made = write.insertInto(table).values({ created_at: 0, ...values } as never)
    return (await made.returning('id').executeTakeFirstOrThrow()).id
  }
  const user_id = await insert('users', {
    email: `${role}@example.org`,
    is_server_administrator: 0,
  })
  const member_id = await insert('members', { organization_id: 1, user_id, role: '' })
  await write.insertInto('fleet_members').values({ member_id, fleet_id: fleetId, role }).execute()
  const token = `mat_of_the_${role}`
  const rest = { scope: 'full', of_fleets: 0, is_automation: 0, created_at: 0 } as const
  const named = { hash: hashKey(token), prefix: 'mat_of', user_id, name: role }
  await write
    .insertInto('api_tokens')
    .values({ ...named, ...rest })
    .execute()
  return token
}

type Asked = { port: number; path: string; token: string; headers?: Record<string, string> }

/** Status, and the code of a refusal; a page says that in words. */
function upgrade({ port, path, token, headers }: Asked) {
  const authorization = { authorization: `Bearer ${token}`, connection: 'Upgrade' }
  const asked = request({
    port,
    host: '127.0.0.1',
    path,
    headers: { ...authorization, ...headers },
  })
  asked.end()
  return new Promise<[number, string | undefined]>((resolve, reject) => {
    asked.once('error', reject)
    asked.once('upgrade', (_, socket) => {
      socket.destroy()
      resolve([101, undefined])
    })
    asked.once('response', async (answer: IncomingMessage) => {
      let body = ''
      for await (const piece of answer) body += piece
      resolve([answer.statusCode!, /device-[a-z-]+|forbidden/.exec(body)?.[0]])
    })
  })
}

const doors: Record<string, (uuid: string) => Pick<Asked, 'path' | 'headers'>> = {
  'a stream': (uuid) => ({
    path: `/api/v1/devices/${uuid}/streams?port=80`,
    headers: { upgrade: streamProtocol },
  }),
  'a terminal': (uuid) => ({
    path: `/api/v1/devices/${uuid}/terminal`,
    headers: {
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
      'sec-websocket-protocol': terminalProtocol,
    },
  }),
  'its URL': (uuid) => ({
    path: '/',
    headers: { upgrade: 'websocket', host: `${uuid}.devices.example.net` },
  }),
}

test('who has a role in one fleet reaches its devices as the role says, and knows of no others', async () => {
  await using house = await openHouse()
  const { port, operator, observer } = house
  for (const [door, of] of Object.entries(doors)) {
    const ask = (token: string, uuid: string) => upgrade({ port, token, ...of(uuid) })
    const [status, code] = await ask(operator, own)
    assert.ok(status === 101 || code === 'device-not-linked', `${door}: ${status} ${code}`)
    assert.deepEqual(await ask(observer, own), [403, 'forbidden'], door)
    const unknown = await ask(operator, uuidOf(9))
    assert.deepEqual(await ask(operator, foreign), unknown, door)
    assert.equal(unknown[0], 404, door)
  }
})

test('a browser, which sends no header, is taken to the organization that has the device', async () => {
  await using house = await openHouse()
  const { port, operator } = house
  const { slug } = (await house.call('POST', '/organizations', { name: 'Beta' })).body
  const headers = { 'muster-organization': slug }
  const ask = (method: string, path: string, body?: object, more: object = { headers }) =>
    house.ask(method, `/api/v1${path}`, body, more)
  const lift = uuidOf(3)
  await ask('POST', '/fleets', { name: 'Lifts', slug: 'lifts' })
  await ask('POST', '/devices', { fleet: 'lifts', uuid: lift })
  const setting = await ask('PUT', `/devices/${lift}/url`, { port: 80 })
  assert.equal(setting.status, 200)
  const terminal = (token: string) => upgrade({ port, token, ...doors['a terminal']!(lift) })
  assert.equal((await terminal(adminToken))[0], 101)
  assert.equal((await terminal(operator))[0], 404)
  const enter = `/devices/${lift}/url/enter`
  assert.equal((await ask('GET', enter, undefined, {})).status, 303)
  assert.equal((await ask('GET', enter, undefined, { as: operator })).status, 404)
  // Everything else is asked for in the organization that is named, or in the first.
  assert.equal((await ask('GET', `/devices/${lift}`, undefined, {})).status, 404)
})

test('the live stream tells of the fleets that its reader may see, and of nothing else', async () => {
  await using house = await openHouse()
  const ask = (query: string) =>
    fetch(`http://127.0.0.1:${house.port}/api/v1/stream${query}`, {
      headers: { authorization: `Bearer ${house.observer}` },
    })
  for (const query of ['?fleet=trams', `?device=${foreign}`, '?fleet=none']) {
    const refused = await ask(query)
    assert.equal(refused.status, 404, query)
    assert.match(((await refused.json()) as { code: string }).code, /-not-found$/)
  }
  // Taken hold of at once: a body that nobody reads ends when its response is collected as garbage.
  const pieces = (await ask('')).body!.values()
  // First what may not be told, then what is waited for.
  for (const uuid of [foreign, own]) {
    await house.report(uuid, {})
    await house.call('PATCH', `/devices/${uuid}`, { tags: { seen: 'yes' } })
    await house.goodbye(uuid)
  }
  let heard = ''
  const decoder = new TextDecoder()
  for await (const piece of pieces) {
    heard += decoder.decode(piece, { stream: true })
    if (/"to":"disconnected"/.test(heard)) break
  }
  assert.ok(heard.includes(own) && !heard.includes(foreign) && !heard.includes('trams'), heard)
  assert.ok(!heard.includes(keyOf(own)))
})
