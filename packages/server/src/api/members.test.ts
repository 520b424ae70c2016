import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Json, openServer, type TestServer, uuidOf } from '../app/fixtures.ts'
import { databases } from '../fixtures.ts'

const password = 'a password of one’s own'

/** A user who came in by an invitation, and the token with which they ask. */
async function bring(server: TestServer, email: string, held: object): Promise<string> {
  const { body: invited } = await server.call('POST', '/invitations', { email, ...held })
  const redeemed = await redeem(server, invited.token)
  assert.equal(redeemed.status, 201, redeemed.text)
  return signIn(server, email)
}

const redeem = (server: TestServer, token: string) =>
  server.ask('POST', '/api/v1/invitations/redeem', { token, password }, { as: '' })

async function signIn(server: TestServer, email: string): Promise<string> {
  const { body } = await server.ask('POST', '/api/v1/login', { email, password }, { as: '' })
  return body.token
}

for (const { name, skip, open } of databases)
  describe(`members on ${name}`, { skip }, () => {
    it('come in by a link that works once, with the roles that it gives', async () => {
      await using server = await openServer({ open })
      await server.addFleet()
      const held = { role: 'observer', fleets: [{ fleet: 'kiosks', role: 'developer' }] }
      const { body: invited } = await server.call('POST', '/invitations', {
        email: 'Eve@Example.org',
        ...held,
      })
      assert.equal(invited.email, 'eve@example.org')
      assert.equal((await redeem(server, `${invited.token}x`)).body.code, 'invitation-not-found')
      assert.equal((await redeem(server, invited.token)).status, 201)
      assert.equal((await redeem(server, invited.token)).body.code, 'invitation-not-found')
      const eve = await signIn(server, 'eve@example.org')
      const { body } = await server.ask('GET', '/api/v1/members', undefined, { as: eve })
      const seen = body.items.map(({ email, role, fleets }: Json) => ({ email, role, fleets }))
      assert.deepEqual(seen[1], { email: 'eve@example.org', ...held })
      assert.deepEqual((await server.call('GET', '/invitations')).body.items, [])
    })

    it('who are users already accept an invitation as themselves, and only their own', async () => {
      await using server = await openServer({ open })
      const eve = await bring(server, 'eve@example.org', { role: 'observer' })
      await server.call('POST', '/organizations', { name: 'Acme' })
      const inAcme = { headers: { 'muster-organization': 'acme' } }
      const invite = async (email: string) =>
        (await server.ask('POST', '/api/v1/invitations', { email, role: 'operator' }, inAcme)).body
          .token
      const token = await invite('eve@example.org')
      assert.equal((await redeem(server, token)).body.code, 'user-exists')
      const accept = (token: string) =>
        server.ask('POST', '/api/v1/invitations/accept', { token }, { as: eve })
      const forOther = await accept(await invite('mallory@example.org'))
      assert.equal(forOther.body.code, 'invitation-not-found')
      assert.equal((await accept(token)).body.organization, 'acme')
      const own = await server.ask('GET', '/api/v1/organizations/own', undefined, { as: eve })
      assert.deepEqual(
        own.body.items.map(({ slug, role }: Json) => [slug, role]),
        [
          ['my-organization', 'observer'],
          ['acme', 'operator'],
        ],
      )
    })

    it('are not invited twice; an invitation is revoked, and its link is renewed', async () => {
      await using server = await openServer({ open })
      const email = 'eve@example.org'
      const { body: first } = await server.call('POST', '/invitations', { email, role: 'observer' })
      const { body: again } = await server.call('POST', `/invitations/${first.id}/resend`)
      assert.equal((await redeem(server, first.token)).status, 404, 'the link before it')
      assert.equal((await redeem(server, again.token)).status, 201)
      const twice = await server.call('POST', '/invitations', { email, role: 'observer' })
      assert.equal(twice.body.code, 'member-exists')
      const other = { email: 'bob@example.org', role: 'observer' }
      const { body: revoked } = await server.call('POST', '/invitations', other)
      assert.equal((await server.call('DELETE', `/invitations/${revoked.id}`)).status, 204)
      assert.equal((await redeem(server, revoked.token)).status, 404)
      assert.equal((await server.call('DELETE', `/invitations/${revoked.id}`)).status, 404)
      const nothing = await server.call('POST', '/invitations', { email: 'x@example.org' })
      assert.equal(nothing.status, 400, 'neither a role nor fleets')
    })

    it('never leave an organization without an administrator, also both at once', async () => {
      await using server = await openServer({ open })
      await bring(server, 'eve@example.org', { role: 'administrator' })
      const ids = (await server.call('GET', '/members')).body.items.map(({ id }: Json) => id)
      const bothDemoted = await Promise.all(
        ids.map((id: number) => server.call('PATCH', `/members/${id}`, { role: null })),
      )
      const outcomes = bothDemoted.map(({ status }) => status)
      assert.deepEqual(outcomes.sort(), [200, 409])
    })

    it('who alone administer can be neither demoted nor removed', async () => {
      await using server = await openServer({ open })
      const ids = (await server.call('GET', '/members')).body.items.map(({ id }: Json) => id)
      for (const change of [{ role: 'developer' }, { role: null }]) {
        const refused = await server.call('PATCH', `/members/${ids[0]}`, change)
        assert.equal(refused.body.code, 'last-administrator')
      }
      assert.equal(
        (await server.call('DELETE', `/members/${ids[0]}`)).body.code,
        'last-administrator',
      )
    })

    it('who were removed from the last organization sign in, and may do nothing in any', async () => {
      await using server = await openServer({ open })
      const eve = await bring(server, 'eve@example.org', { role: 'developer' })
      const { items } = (await server.call('GET', '/members')).body
      const { id } = items.find(({ email }: Json) => email === 'eve@example.org')
      assert.equal((await server.call('DELETE', `/members/${id}`)).status, 204)
      const ask = (method: string, path: string, body?: object) =>
        server.ask(method, `/api/v1${path}`, body, { as: eve })
      assert.equal((await ask('GET', '/whoami')).status, 200)
      assert.equal((await ask('GET', '/devices')).body.code, 'forbidden')
      assert.equal((await ask('POST', '/tokens', { name: 'ci' })).body.code, 'forbidden')
    })

    it('of single fleets see those alone: fleets, devices, counts, search and history', async () => {
      await using server = await openServer({ open })
      for (const slug of ['kiosks', 'trams']) {
        await server.addFleet(slug)
        const key = await server.addProvisioningKey(slug)
        await server.register(key, { uuid: uuidOf(slug === 'kiosks' ? 1 : 2), device_name: 'one' })
      }
      const eve = await bring(server, 'eve@example.org', {
        fleets: [{ fleet: 'kiosks', role: 'operator' }],
      })
      const ask = (method: string, path: string, body?: object) =>
        server.ask(method, `/api/v1${path}`, body, { as: eve })
      const slugs = (await ask('GET', '/fleets')).body.items.map(({ slug }: Json) => slug)
      assert.deepEqual(slugs, ['kiosks'])
      const devices = (await ask('GET', '/devices')).body
      assert.deepEqual(
        devices.items.map(({ uuid }: Json) => uuid),
        [uuidOf(1)],
      )
      assert.equal(devices.total, 1)
      assert.equal((await ask('GET', `/devices/${uuidOf(1)}`)).status, 200)
      for (const path of [`/devices/${uuidOf(2)}`, `/devices/${uuidOf(2)}/history`])
        assert.deepEqual((await ask('GET', path)).body.code, 'device-not-found', path)
      assert.equal((await ask('GET', '/fleets/trams')).body.code, 'fleet-not-found')
      assert.equal((await ask('GET', '/devices?fleet=trams')).body.code, 'fleet-not-found')
      assert.equal((await ask('GET', '/members')).body.code, 'forbidden')
      const move = await ask('PATCH', `/devices/${uuidOf(1)}`, { fleet: 'trams' })
      assert.equal(move.body.code, 'forbidden')
      assert.match(move.body.detail, /devices-move/)
    })

    it('of single fleets see of a device that was moved only what happened there', async () => {
      await using server = await openServer({ open })
      for (const slug of ['kiosks', 'trams']) await server.addFleet(slug)
      const uuid = uuidOf(1)
      await server.register(await server.addProvisioningKey('trams'), { uuid })
      await server.heartbeat(uuid)
      await server.call('PATCH', `/devices/${uuid}`, { fleet: 'kiosks' })
      await server.goodbye(uuid)
      const eve = await bring(server, 'eve@example.org', {
        fleets: [{ fleet: 'kiosks', role: 'developer' }],
      })
      const all = (await server.call('GET', `/devices/${uuid}/history`)).body.items
      const isHere = ({ fleet }: Json) => fleet === 'kiosks'
      assert.ok(all.some(isHere) && !all.every(isHere))
      const path = `/api/v1/devices/${uuid}`
      const read = (query: string) => server.ask('GET', path + query, undefined, { as: eve })
      assert.deepEqual((await read('/history')).body.items, all.filter(isHere))
      const { text } = await read('/history/export?format=ndjson')
      const rows = text.trimEnd().split('\n')
      assert.deepEqual(
        rows.map((row) => JSON.parse(row)),
        all.filter(isHere).reverse(),
      )
      // Its time elsewhere counts for nobody who may not look there.
      const own = (await read('/uptime')).body.countedMs
      const whole = (await server.call('GET', `/devices/${uuid}/uptime`)).body.countedMs
      assert.ok(own < whole, `${own} of ${whole}`)
    })
  })

describe('organizations', () => {
  it('know nothing of each other: what is foreign answers as what does not exist', async () => {
    await using server = await openServer()
    await server.addFleet()
    await server.register(await server.addProvisioningKey(), { uuid: uuidOf(1) })
    await server.call('POST', '/organizations', { name: 'Acme' })
    const foreign = { headers: { 'muster-organization': 'acme' } }
    const ask = (method: string, path: string) =>
      server.ask(method, `/api/v1${path}`, undefined, foreign)
    for (const at of [uuidOf(1), uuidOf(9), uuidOf(1).slice(0, 8)])
      for (const [method, path] of [
        ['GET', `/devices/${at}`],
        ['DELETE', `/devices/${at}`],
        ['GET', `/devices/${at}/history`],
        ['POST', `/devices/${at}/freeze`],
      ] as const)
        assert.equal((await ask(method, path)).body.code, 'device-not-found', `${method} ${path}`)
    assert.equal((await ask('GET', '/fleets/kiosks')).body.code, 'fleet-not-found')
    assert.deepEqual((await ask('GET', '/devices')).body.items, [])
    assert.equal((await ask('GET', '/devices')).body.total, 0)
    assert.deepEqual((await ask('GET', '/fleets')).body.items, [])
    const unknown = await server.ask('GET', '/api/v1/fleets', undefined, {
      headers: { 'muster-organization': 'nobody' },
    })
    assert.equal(unknown.body.code, 'organization-not-found')
  })

  it('are deleted only when they have no fleets', async () => {
    await using server = await openServer()
    const { body: made } = await server.call('POST', '/organizations', { name: 'Acme' })
    assert.equal(made.slug, 'acme')
    const twice = await server.call('POST', '/organizations', { name: 'ACME' })
    assert.equal(twice.body.code, 'organization-slug-taken')
    const inAcme = { headers: { 'muster-organization': 'acme' } }
    const ask = (method: string, path: string, body?: object) =>
      server.ask(method, `/api/v1${path}`, body, inAcme)
    await ask('POST', '/fleets', { name: 'Trams' })
    assert.equal((await ask('DELETE', '/organization')).body.code, 'organization-not-empty')
    await ask('DELETE', '/fleets/trams')
    assert.equal((await ask('DELETE', '/organization')).status, 204)
    assert.equal((await server.call('GET', '/organizations/acme')).status, 404)
  })

  it('have their plan set by administrators of the server alone', async () => {
    await using server = await openServer()
    const eve = await bring(server, 'eve@example.org', { role: 'administrator' })
    const ask = (method: string, path: string, body?: object) =>
      server.ask(method, `/api/v1${path}`, body, { as: eve })
    assert.equal((await ask('PATCH', '/organization', { name: 'Eve’s' })).status, 200)
    assert.equal((await ask('PATCH', '/organization', { deviceAllowance: 9 })).status, 403)
    assert.equal((await ask('GET', '/organizations')).status, 403)
    const plan = '/organizations/my-organization/plan'
    assert.equal((await ask('PATCH', plan, { deviceAllowance: 9 })).status, 403)
    const set = await server.call('PATCH', plan, { deviceAllowance: 9 })
    assert.equal(set.body.plan.deviceAllowance, 9)
  })
})
