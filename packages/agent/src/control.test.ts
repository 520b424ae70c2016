import assert from 'node:assert/strict'
import { readdirSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { AnotherAgentRuns, askAgent, openDoor } from './control.ts'
import { temporaryFolder } from './fixtures.ts'

const answering = async (request: unknown) => ({ asked: request })

test('what is asked at the door is answered by the agent behind it', async () => {
  using folder = temporaryFolder()
  assert.equal(await askAgent(folder.path, { ask: 'status' }), null)
  const door = await openDoor(folder.path, answering)
  assert.deepEqual(await askAgent(folder.path, { ask: 'status' }), { asked: { ask: 'status' } })
  door.close()
  assert.equal(await askAgent(folder.path, { ask: 'status' }), null)
})

test('only the owner may knock', async () => {
  using folder = temporaryFolder()
  const door = await openDoor(folder.path, answering)
  const [name] = readdirSync(folder.path)
  assert.equal(statSync(join(folder.path, name!)).mode & 0o777, 0o600)
  door.close()
})

test('a second agent on one state folder refuses to start, and the first goes on', async () => {
  using folder = temporaryFolder()
  const door = await openDoor(folder.path, answering)
  await assert.rejects(openDoor(folder.path, answering), AnotherAgentRuns)
  assert.deepEqual(await askAgent(folder.path, { ask: 'status' }), { asked: { ask: 'status' } })
  assert.equal(readdirSync(folder.path).length, 1)
  door.close()
})

test('of many that start together at most one runs', async () => {
  using folder = temporaryFolder()
  const starts = Array.from({ length: 8 }, () => openDoor(folder.path, answering))
  const opened = (await Promise.allSettled(starts)).filter(({ status }) => status === 'fulfilled')
  assert.ok(opened.length <= 1)
  for (const each of opened) if (each.status === 'fulfilled') each.value.close()
  const after = await openDoor(folder.path, answering)
  after.close()
})

test('a door whose agent was killed does not stand in the way', async () => {
  using folder = temporaryFolder()
  writeFileSync(join(folder.path, 'agent.0badcafe.sock'), '')
  const door = await openDoor(folder.path, answering)
  assert.equal(readdirSync(folder.path).length, 1)
  door.close()
})

test('nonsense at the door is not answered and hurts nobody', async () => {
  using folder = temporaryFolder()
  const door = await openDoor(folder.path, answering)
  const [name] = readdirSync(folder.path)
  const socket = connect(join(folder.path, name!))
  socket.on('error', () => {})
  socket.end('{"ask":')
  let said = ''
  socket.on('data', (part) => {
    said += part
  })
  await new Promise((resolve) => socket.once('close', resolve))
  assert.equal(said, '')
  assert.ok(await askAgent(folder.path, { ask: 'status' }))
  door.close()
})

test('an agent that fails to answer says why', async () => {
  using folder = temporaryFolder()
  const door = await openDoor(folder.path, async () => {
    throw new Error('broken')
  })
  assert.deepEqual(await askAgent(folder.path, { ask: 'status' }), { error: 'broken' })
  door.close()
})

test('a state folder that cannot hold a socket says so', async () => {
  await assert.rejects(openDoor('/proc/nowhere', answering))
})
