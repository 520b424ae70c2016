import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { shellIn } from './shell.ts'

/** What a shell would run, on a host whose containers are found by these filters. */
function runsIn(service: string, found: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'muster-shell-'))
  const cases = Object.entries(found).map(([filter, id]) => `'${filter}') echo ${id};;`)
  const program = `#!/bin/sh\nif [ "$1" = exec ]; then echo "$5"; exit; fi\ncase "$4" in ${cases.join(' ')} esac\n`
  try {
    writeFileSync(join(folder, 'docker'), program, { mode: 0o755 })
    const env = { PATH: `${folder}:/usr/bin:/bin` }
    return execFileSync('/bin/sh', ['-c', shellIn(service)], { env, encoding: 'utf8' }).trim()
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test('the container of a service is found by each name under which an agent lists it', () => {
  assert.equal(runsIn('web', { 'label=io.muster.service=web': 'a1' }), 'a1')
  assert.equal(runsIn('web', { 'label=io.balena.service-name=web': 'a2' }), 'a2')
  assert.equal(runsIn('web', { 'label=com.docker.compose.service=web': 'a3' }), 'a3')
  assert.equal(runsIn('web', { 'name=^/web$': 'a4', 'name=^/web-2$': 'b4' }), 'a4')
})

test('of several containers that could be meant, the label of our own decides', () => {
  const found = { 'name=^/web$': 'a4', 'label=io.muster.service=web': 'a1' }
  assert.equal(runsIn('web', found), 'a1')
})
