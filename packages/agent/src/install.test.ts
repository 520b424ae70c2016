// The installation script, into the root folder of an image.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from './fixtures.ts'

const script = join(import.meta.dirname, '../../../deploy/agent/install.sh')
const unit = join(import.meta.dirname, '../../../deploy/agent/muster-agent.service')

function image() {
  const folder = temporaryFolder()
  const bundle = join(folder.path, 'bundle.js')
  writeFileSync(bundle, 'one')
  const root = join(folder.path, 'root')
  mkdirSync(root)
  const install = (...words: string[]) => {
    const env = { PATH: process.env.PATH ?? '' }
    return spawnSync('/bin/sh', [script, '--root', root, '--bundle', bundle, ...words], {
      encoding: 'utf8',
      env,
    })
  }
  const at = (path: string) => join(root, path)
  const text = (path: string) => readFileSync(at(path), 'utf8')
  return { folder, bundle, install, at, text }
}

const settings = 'etc/muster-agent/agent.env'

test('an image gets the bundle, the unit, and settings that only root can read', () => {
  const { folder, install, at, text } = image()
  using _ = folder
  const { status, stderr } = install('--server', 'https://m', '--provisioning-key', 'k')
  assert.equal(status, 0, stderr)
  assert.equal(text('usr/lib/muster-agent/muster-agent.js'), 'one')
  assert.equal(text('usr/bin/muster-agent'), 'one')
  assert.equal(text('etc/systemd/system/muster-agent.service'), readFileSync(unit, 'utf8'))
  assert.equal(
    readlinkSync(at('etc/systemd/system/multi-user.target.wants/muster-agent.service')),
    '../muster-agent.service',
  )
  assert.equal(statSync(at(settings)).mode & 0o777, 0o600)
  assert.match(text(settings), /^MUSTER_AGENT_SERVER=https:\/\/m$/m)
  assert.match(text(settings), /^MUSTER_AGENT_PROVISIONING_KEY=k$/m)
})

test('a second run brings the new bundle and keeps every setting that it is not given', () => {
  const { folder, bundle, install, text } = image()
  using _ = folder
  install('--server', 'https://m', '--provisioning-key', 'k', '--name', 'pump one')
  const before = text(settings)
  writeFileSync(bundle, 'two')
  assert.equal(install().status, 0)
  assert.equal(text('usr/lib/muster-agent/muster-agent.js'), 'two')
  assert.equal(text(settings), before)
  install('--server', 'https://n')
  assert.equal(text(settings), before.replace('https://m', 'https://n'))
})

test('a registered device is updated without a provisioning key, and none comes back', () => {
  const { folder, install, at, text } = image()
  using _ = folder
  assert.equal(install('--server', 'https://m').status, 2)
  mkdirSync(at('var/lib/muster-agent'), { recursive: true })
  writeFileSync(at('var/lib/muster-agent/identity.json'), '{}')
  assert.equal(install('--server', 'https://m').status, 0)
  assert.match(text(settings), /^MUSTER_AGENT_PROVISIONING_KEY=$/m)
})

test('a CA that is given is kept beside the settings', () => {
  const { folder, bundle, install, text } = image()
  using _ = folder
  install('--server', 'https://m', '--provisioning-key', 'k', '--ca', bundle)
  assert.equal(text('etc/muster-agent/ca.pem'), 'one')
  assert.match(text(settings), /^MUSTER_AGENT_CA=\/etc\/muster-agent\/ca.pem$/m)
})

test('wrong words end with 2 and change nothing', () => {
  const { folder, install, text } = image()
  using _ = folder
  for (const words of [
    ['--what'],
    ['--server'],
    [],
    ['--server', 'https://m'],
    ['--server', 'a"b', '--provisioning-key', 'k'],
    ['--server', 'a\nb', '--provisioning-key', 'k'],
  ])
    assert.equal(install(...words).status, 2, words.join(' '))
  assert.throws(() => text(settings))
  assert.equal(install('--help').status, 0)
})
