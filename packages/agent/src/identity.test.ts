import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { writeDurably } from './durable.ts'
import { temporaryFolder } from './fixtures.ts'
import {
  IdentityUnreadable,
  identityPath,
  makeIdentity,
  readIdentity,
  writeIdentity,
} from './identity.ts'
import { readMemory, writeMemory } from './memory.ts'

const server = 'https://muster.example'

test('an identity is a uuid and a key of 32 hex digits each, and no two are alike', () => {
  const [a, b] = [makeIdentity({ server }), makeIdentity({ server })]
  for (const { uuid, deviceKey } of [a, b]) {
    assert.match(uuid, /^[0-9a-f]{32}$/)
    assert.match(deviceKey, /^[0-9a-f]{32}$/)
  }
  assert.equal(new Set([a.uuid, a.deviceKey, b.uuid, b.deviceKey]).size, 4)
})

test('an identity is read as it was written, and only its owner may read it', () => {
  using folder = temporaryFolder()
  const identity = makeIdentity({ server })
  assert.equal(readIdentity(folder.path), null)
  writeIdentity(folder.path, identity)
  assert.deepEqual(readIdentity(folder.path), identity)
  assert.equal(statSync(identityPath(folder.path)).mode & 0o777, 0o600)
  assert.deepEqual(readdirSync(folder.path), ['identity.json'])
})

test('a damaged identity is an error and stays as it is: never a new one', () => {
  const whole = JSON.stringify(makeIdentity({ server }))
  for (const damaged of ['', '{', 'null', '{}', '\0\0\0\0', whole.slice(0, 60), `${whole}x`]) {
    using folder = temporaryFolder()
    writeFileSync(identityPath(folder.path), damaged)
    assert.throws(() => readIdentity(folder.path), IdentityUnreadable)
    assert.equal(readFileSync(identityPath(folder.path), 'utf8'), damaged)
  }
})

test('a write that failed leaves the old contents and no rest', () => {
  using folder = temporaryFolder()
  const path = join(folder.path, 'file')
  writeDurably(path, 'old')
  assert.throws(() => writeDurably(join(path, 'below a file'), 'new'))
  assert.equal(readFileSync(path, 'utf8'), 'old')
  assert.deepEqual(readdirSync(folder.path), ['file'])
})

test('a writer that is killed at any moment leaves the old contents or the new ones, whole', async () => {
  using folder = temporaryFolder()
  const path = join(folder.path, 'file')
  const durable = join(import.meta.dirname, 'durable.ts')
  const writer = `
    import { writeDurably } from ${JSON.stringify(durable)}
    for (let i = 0; ; i++) {
      writeDurably(${JSON.stringify(path)}, String(i % 10).repeat(200_000))
      if (i === 0) process.stdout.write('writing')
    }`
  for (let round = 0; round < 5; round++) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', writer])
    await new Promise((resolve) => child.stdout.once('data', resolve))
    for (let turn = 0; turn < round * 40; turn++) await new Promise(setImmediate)
    child.kill('SIGKILL')
    await new Promise((resolve) => child.once('close', resolve))
    assert.match(readFileSync(path, 'utf8'), /^(.)\1{199999}$/)
  }
})

test('what was left behind by a crash in the middle of a write is written over', () => {
  using folder = temporaryFolder()
  const path = join(folder.path, 'file')
  writeDurably(path, 'old')
  writeFileSync(`${path}.new`, 'ha')
  assert.equal(readFileSync(path, 'utf8'), 'old')
  writeDurably(path, 'new')
  assert.equal(readFileSync(path, 'utf8'), 'new')
  assert.deepEqual(readdirSync(folder.path), ['file'])
})

test('what the server acknowledged holds for this boot and this server; the policy outlives a boot', () => {
  using folder = temporaryFolder()
  const now = { server, bootId: 'one' }
  const memory = readMemory(folder.path, now)
  assert.equal(memory.isFresh, true)
  writeMemory(folder.path, {
    ...memory,
    intervalMs: 5_000,
    cloudlinkEnabled: false,
    acknowledged: { hostname: 'a', cpu_usage: 5 },
    stated: { provisioning_state: 'step' },
  })
  const again = readMemory(folder.path, now)
  assert.deepEqual(again.acknowledged, { hostname: 'a' })
  assert.deepEqual(again.stated, { provisioning_state: 'step' })
  assert.equal(again.isFresh, false)
  const rebooted = readMemory(folder.path, { server, bootId: 'two' })
  assert.deepEqual([rebooted.acknowledged, rebooted.stated, rebooted.isFresh], [{}, {}, true])
  assert.deepEqual([rebooted.intervalMs, rebooted.cloudlinkEnabled], [5_000, false])
  const elsewhere = readMemory(folder.path, { server: 'https://other.example', bootId: 'one' })
  assert.deepEqual([elsewhere.acknowledged, elsewhere.intervalMs], [{}, null])
})

test('a memory that is damaged is an empty one', () => {
  using folder = temporaryFolder()
  writeFileSync(join(folder.path, 'memory.json'), '{"server":')
  assert.equal(readMemory(folder.path, { server, bootId: 'one' }).isFresh, true)
})
