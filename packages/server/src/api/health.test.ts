import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keyOf, openServer, type TestServer, uuidOf } from '../app/fixtures.ts'
import { databases } from '../fixtures.ts'

const uuid = uuidOf(1)
const failed = {
  check: 'cloudlink',
  result: 'failed',
  step: 'tls',
  detail: 'certificate issued by Corp Inspection CA',
}
const disk = { check: 'disk', result: 'ok', step: null, detail: '41 % of 28.5 GiB used' }
const reportOf = (findings: object[], more: object = {}) => ({
  cause: 'trouble',
  agoMs: 5_000,
  tookMs: 900,
  findings,
  ...more,
})

async function addDevice(server: TestServer): Promise<void> {
  await server.addFleet('kiosks', { policy: { cloudlinkEnabled: true, cloudlinkGraceMs: 0 } })
  await server.register(await server.addProvisioningKey(), { uuid })
  await server.heartbeat(uuid)
}

const say = (server: TestServer, body: object, as = keyOf(uuid)) =>
  server.ask('POST', `/device/v1/${uuid}/health`, body, { as })

async function examinationIn(server: TestServer) {
  const answer = await server.call('GET', `/devices/${uuid}/health`)
  assert.equal(answer.status, 200, answer.text)
  return answer.body.examination
}

for (const { name, skip, open } of databases) {
  test(`${name}: what a device found is shown with what it means, and stands in its reason`, {
    skip,
  }, async () => {
    await using server = await openServer({ open })
    await addDevice(server)
    assert.equal(await examinationIn(server), null)
    assert.equal((await say(server, reportOf([failed, disk]))).status, 204)
    const { examinedAt, saidAt, findings, summary } = await examinationIn(server)
    assert.equal(saidAt - examinedAt, 5_000)
    assert.equal(summary, '1 of 2 health checks are not well: cloudlink')
    assert.match(findings[0].means, /proxy or firewall that inspects TLS/)
    assert.deepEqual([findings[1].title, findings[1].means], ['Disk', null])
    const { status } = (await server.call('GET', `/devices/${uuid}`)).body
    assert.equal(status.status, 'reduced-functionality')
    const { evidence } = status.reasons.find(
      ({ code }: { code: string }) => code === 'cloudlink-down',
    )
    assert.equal(evidence.failedStep, 'tls')
    assert.equal(
      evidence.deviceSays,
      'cloudlink failed at TLS: certificate issued by Corp Inspection CA',
    )
  })

  test(`${name}: a report that comes late does not replace a later one`, { skip }, async () => {
    await using server = await openServer({ open })
    await addDevice(server)
    await say(server, reportOf([disk], { cause: 'recovery', agoMs: 0 }))
    await say(server, reportOf([failed], { agoMs: 60_000 }))
    assert.equal((await examinationIn(server)).cause, 'recovery')
  })
}

test('a report is taken by the key of the device alone, and is a heartbeat', async () => {
  await using server = await openServer()
  await addDevice(server)
  const stranger = await say(server, reportOf([disk]), 'another key')
  assert.equal(stranger.body.code, 'device-key-refused')
  const before = (await server.call('GET', `/devices/${uuid}`)).body.heartbeat.lastAt
  await say(server, reportOf([disk]))
  const after = (await server.call('GET', `/devices/${uuid}`)).body.heartbeat.lastAt
  assert.ok(after > before)
})

test('what a device says brings no controls along, and of a check named twice the first counts', async () => {
  await using server = await openServer()
  await addDevice(server)
  const nasty = { ...disk, detail: 'a\u001b[31m\nb' }
  await say(server, reportOf([nasty, { ...disk, result: 'failed' }]))
  const { findings } = await examinationIn(server)
  assert.deepEqual(
    findings.map(({ check, result, detail }: typeof disk) => [check, result, detail]),
    [['disk', 'ok', 'a [31m b']],
  )
})

test('what is no report is refused', async () => {
  await using server = await openServer()
  await addDevice(server)
  const wrong = await say(server, reportOf([{ ...disk, check: 'mood' }]))
  assert.equal(wrong.status, 400)
})
