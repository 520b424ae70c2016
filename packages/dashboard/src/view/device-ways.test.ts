import assert from 'node:assert/strict'
import { test } from 'node:test'
import { calledOnCommandLine, sshCommand, tunnelCommand } from './device-ways.ts'

test('a device is called by its name, unless a shell would take that for something else', () => {
  const shortUuid = '0123456'
  const called = (name: string) => calledOnCommandLine({ name, shortUuid })
  assert.equal(called('quiet-river'), 'quiet-river')
  for (const name of ['north gate', '$(reboot)', "o'brien", '-x', 'a;b', 'a\nb', ''])
    assert.equal(called(name), shortUuid, name)
  assert.equal(sshCommand('gate'), 'muster ssh gate')
})

test('a tunnel names the port of the device, and that of here where it is another', () => {
  assert.equal(tunnelCommand('gate', '8080', ''), 'muster tunnel gate 8080')
  assert.equal(tunnelCommand('gate', '80', '80'), 'muster tunnel gate 80')
  assert.equal(tunnelCommand('gate', '80', '9000'), 'muster tunnel gate 80:9000')
  for (const port of ['', '0', '65536', 'ssh', '80;x']) {
    assert.equal(tunnelCommand('gate', port, ''), null)
    if (port !== '') assert.equal(tunnelCommand('gate', '80', port), null)
  }
})
