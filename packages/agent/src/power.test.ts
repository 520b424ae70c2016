import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expectedBackMs, goodbyeFor } from './power.ts'

const jobs = (target: string) =>
  ` 1203 ${target} start waiting\n 1210 muster-agent.service stop running\n`

test('while the system goes on, only the agent stops', () => {
  for (const state of ['running\n', 'degraded\n', 'starting\n', 'offline\n', ''])
    assert.deepEqual(goodbyeFor(state, jobs('reboot.target')), { cause: 'agent-stop' })
})

test('a system that stops to start again is expected back', () => {
  for (const target of ['reboot.target', 'soft-reboot.target', 'kexec.target'])
    assert.deepEqual(goodbyeFor('stopping\n', jobs(target)), { cause: 'reboot', expectedBackMs })
})

test('a system that stops for good is not', () => {
  for (const target of ['poweroff.target', 'halt.target'])
    assert.deepEqual(goodbyeFor('stopping\n', jobs(target)), { cause: 'shutdown' })
  assert.deepEqual(goodbyeFor('stopping\n', ''), { cause: 'shutdown' })
})
