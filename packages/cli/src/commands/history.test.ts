import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { openRealServer } from '../fixtures.ts'

const uuids = ['a', 'b'].map((digit) => digit.repeat(32))

/** A server with two devices, of which the second said goodbye. */
async function openGarden() {
  const house = await openRealServer()
  const { real } = house
  const { id } = await real.addFleet('garden')
  const key = await real.addProvisioningKey('garden')
  for (const uuid of uuids) {
    await real.register(key, { uuid, application: id })
    await real.heartbeat(uuid)
  }
  await real.goodbye(uuids[1]!)
  return house
}

test('an export is written whole, and goes on in the same file after its last row', async () => {
  await using house = await openGarden()
  const whole = await house.run(['history', 'export', 'garden'])
  assert.equal(whole.exit, 0, whole.err)
  const [names, ...rows] = whole.out.trimEnd().split('\r\n')
  assert.match(names!, /^id,at,time,uuid,name,fleet,from,to,/)
  assert.equal(rows.length, 5)
  const file = join(house.folder, 'garden.csv')
  await house.run(['history', 'export', 'garden', '--output', file])
  assert.equal(await readFile(file, 'utf8'), whole.out)
  await house.real.heartbeat(uuids[1]!)
  const [id, at] = rows.at(-1)!.split(',')
  const more = ['history', 'export', 'garden', '--output', file, '--after', `${at}-${id}`]
  assert.equal((await house.run(more)).exit, 0)
  const after = await house.run(['history', 'export', 'garden'])
  assert.equal(await readFile(file, 'utf8'), after.out)
  assert.equal(after.out.trimEnd().split('\r\n').length, 7)
})

test('an export is of a fleet or of a device, and not of both', async () => {
  await using house = await openGarden()
  const device = ['history', 'export', '--device', uuids[1]!, '--format', 'ndjson']
  const { out } = await house.run(device)
  const lines = out.trimEnd().split('\n')
  assert.deepEqual(
    lines.map((line) => JSON.parse(line).uuid),
    lines.map(() => uuids[1]),
  )
  assert.equal((await house.run(['history', 'export'])).exit, 2)
  assert.equal((await house.run([...device, 'garden'])).exit, 2)
})

test('uptime names the least available first, and the difference who changed', async () => {
  await using house = await openGarden()
  const uptime = await house.run(['fleet', 'uptime', 'garden', '--from', '1h'])
  assert.match(uptime.out, /^garden was available /)
  assert.match(uptime.out, /The server did not listen for /)
  const [worst] = uptime.out.trimEnd().split('\n').slice(-2)
  assert.ok(worst!.includes(uuids[1]!), uptime.out)
  const device = await house.run(['device', 'uptime', uuids[0]!, '--from', '1h'])
  assert.match(device.out, /was available 100 %/)
  const diff = await house.run(['fleet', 'diff', 'garden', '--from', '1h'])
  assert.match(diff.out, /before .* no devices\nafter {2}.* 1 Disconnected, 1 Operational/)
  assert.equal(diff.out.match(/not there/g)?.length, 2)
})

test('to keep less is asked about; to keep more is not', async () => {
  await using house = await openGarden()
  assert.match((await house.run(['history', 'keep'])).out, /kept for 90 days; all of it is there/)
  const less = ['history', 'keep', '--days', '30']
  assert.equal((await house.run(less, { answers: ['n'] })).exit, 1)
  assert.match((await house.run(['history', 'keep', '--days', '365'])).out, /kept for 365 days/)
  assert.match((await house.run(less, { answers: ['y'] })).out, /kept for 30 days; it begins/)
})
