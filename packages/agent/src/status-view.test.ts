import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ServerOpinion } from '@muster/core/device-protocol.ts'
import { testLoop, unreachable, uuid } from './fixtures.ts'
import { beliefOf, type StatusView, span, statusText } from './status-view.ts'

const link = {
  phase: 'up',
  epoch: 7,
  replica: 'one',
  upSinceAt: 0,
  dialAt: null,
  failureCount: 0,
  trouble: null,
} as const
const running = {
  pid: 7,
  version: '1',
  uuid,
  server: 'https://m',
  problems: [],
  startedAt: 0,
  link,
}

test('a span is told in its two largest units', () => {
  for (const [ms, text] of [
    [0, '0 s'],
    [499, '0 s'],
    [59_400, '59 s'],
    [60_000, '1 min'],
    [90_000, '1 min 30 s'],
    [7_501_000, '2 h 5 min'],
    [90_000_000, '1 d 1 h'],
    [-5, '0 s'],
  ] as const)
    assert.equal(span(ms), text)
})

test('the agent tells what it did last and what it does next', async () => {
  const { loop, clock } = testLoop()
  loop.start()
  await clock.pass(20_000)
  const { heartbeat } = beliefOf(loop.state, running, clock.now()).errands
  assert.deepEqual(heartbeat, {
    inFlight: false,
    nextInMs: 40_000,
    okAgoMs: 20_000,
    failureCount: 0,
    last: { kind: 'ok' },
  })
})

test('an agent without a server tells why, what waits, and when it tries again', async () => {
  const { loop, clock } = testLoop({ script: () => unreachable('EAI_AGAIN') })
  loop.offer({ hostname: 'a' })
  loop.start()
  await clock.pass(0)
  const agent = beliefOf(
    loop.state,
    { ...running, problems: [{ what: 'memory', why: 'ENOSPC: no space left on device' }] },
    clock.now(),
  )
  const view: StatusView = {
    uuid,
    server: 'https://m',
    registered: true,
    agent,
    opinion: { reached: false, why: 'DNS does not answer (EAI_AGAIN)' },
  }
  const text = statusText(view)
  assert.match(text, /heartbeat every 1 min: not taken yet; 1 failed since: DNS does not answer/)
  assert.match(text, /not reported yet: hostname/)
  assert.match(text, /cannot write the memory: ENOSPC/)
  assert.match(text, /^server {2}no opinion: DNS does not answer/m)
})

test('after a goodbye the agent tells for how long it is silent', async () => {
  const { loop, clock } = testLoop()
  loop.start()
  await clock.pass(1_000)
  await loop.leave({ cause: 'reboot', expectedBackMs: 90_000 })
  const agent = beliefOf(loop.state, running, clock.now())
  assert.equal(agent.quietForMs, 300_000)
  assert.equal(agent.errands.heartbeat.nextInMs, 300_000)
})

test('the server’s opinion is told by the server’s clock, with reasons, advice and what comes next', () => {
  const says = {
    now: 1_000_000,
    device: {
      status: {
        status: 'reduced-functionality',
        since: 880_000,
        reasons: [{ code: 'heartbeat-late', title: 'Late', evidence: {}, advice: 'Wait.' }],
        progress: null,
        lapsesAt: 1_005_000,
        lapsesTo: 'disconnected',
      },
      heartbeat: { state: 'timeout' },
      cloudlink: { state: 'disabled' },
    },
  } as unknown as ServerOpinion
  const text = statusText({
    uuid,
    server: 'https://m',
    registered: true,
    agent: null,
    opinion: { reached: true, says },
  })
  assert.match(text, /agent {3}not running/)
  assert.match(text, /Reduced Functionality for 2 min; heartbeat timeout, cloudlink disabled/)
  assert.match(text, /Late\. Wait\./)
  assert.match(text, /without further contact, in 5 s: Disconnected/)
})
