import assert from 'node:assert/strict'
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  chooseTarget,
  isPlainRemote,
  noProfiles,
  type ProfileFile,
  parseServer,
  profilePath,
  readProfiles,
  writeProfiles,
} from './profiles.ts'

const file: ProfileFile = {
  current: 'one',
  profiles: {
    one: { server: 'https://one.example', token: 't1', email: 'a@one' },
    two: { server: 'https://two.example', token: 't2', email: 'a@two' },
  },
}

test('the current profile is asked, or the one that is named', () => {
  assert.equal(chooseTarget(file, undefined, {}).token, 't1')
  assert.equal(chooseTarget(file, 'two', {}).token, 't2')
  assert.throws(() => chooseTarget(file, 'three', {}), { code: 'wrong-usage', detail: /one, two/ })
  assert.throws(() => chooseTarget(noProfiles, undefined, {}), { code: 'unauthenticated' })
})

test('the environment is stronger than the profile', () => {
  const env = { MUSTER_SERVER: 'https://env.example/', MUSTER_TOKEN: 'te' }
  const target = {
    server: 'https://env.example',
    token: 'te',
    organization: undefined,
    profile: undefined,
  }
  assert.deepEqual(chooseTarget(file, undefined, env), target)
  assert.deepEqual(chooseTarget(noProfiles, undefined, env), target)
  assert.equal(chooseTarget(file, undefined, { MUSTER_TOKEN: 'te' }).server, 'https://one.example')
})

test('a token goes to no server but the one that it was given for', () => {
  const other = chooseTarget(file, undefined, { MUSTER_SERVER: 'https://env.example' })
  assert.equal(other.token, undefined)
  const same = chooseTarget(file, undefined, { MUSTER_SERVER: 'https://one.example/' })
  assert.equal(same.token, 't1')
})

test('an organization is chosen on the command line, else by the environment, else by the profile', () => {
  const own: ProfileFile = {
    current: 'one',
    profiles: { one: { ...file.profiles.one!, organization: 'acme' } },
  }
  const env = { MUSTER_ORGANIZATION: 'beta' }
  assert.equal(chooseTarget(own, undefined, {}).organization, 'acme')
  assert.equal(chooseTarget(own, undefined, env).organization, 'beta')
  assert.equal(chooseTarget(own, undefined, env, 'gamma').organization, 'gamma')
})

test('an address is http or https, without what does not belong there', () => {
  assert.equal(parseServer('https://a.example/muster/'), 'https://a.example/muster')
  for (const text of ['a.example', 'ftp://a', 'https://me:pw@a', 'https://a?x=1', ''])
    assert.throws(() => parseServer(text), { code: 'wrong-usage' })
  assert.deepEqual(
    ['http://a.example', 'http://localhost:8080', 'http://[::1]:1', 'https://a'].map(isPlainRemote),
    [true, false, false, false],
  )
})

test('profiles are read as written, by their owner alone, and a broken file is refused', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'muster-cli-'))
  try {
    const path = profilePath({ XDG_CONFIG_HOME: folder })
    assert.deepEqual(await readProfiles(path), noProfiles)
    await writeProfiles(path, file)
    assert.deepEqual(await readProfiles(path), file)
    assert.equal((await stat(path)).mode & 0o777, 0o600)
    await writeFile(path, '{')
    await assert.rejects(readProfiles(path), { code: 'invalid-configuration' })
  } finally {
    await rm(folder, { recursive: true })
  }
})
