// What the agent says over its link when it cannot dial back for a stream.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import type { Clock } from '@muster/core/clock.ts'
import { Refusal } from '@muster/core/errors.ts'
import { dialFailureLimit } from '@muster/core/streams-wire.ts'
import { createVirtualClock } from '@muster/core/virtual-clock.ts'
import { createDialBack, type DialBack } from './stream-line.ts'
import { AgentStreams } from './streams.ts'

const settled = () => new Promise<void>((resolve) => setImmediate(resolve))
const target = { kind: 'tcp', host: 'localhost', port: 1 }

function openStreams(dialBack: DialBack, clock: Clock) {
  const said: Record<string, unknown>[] = []
  const streams = new AgentStreams({
    dialBack,
    say: (message) => said.push(message),
    sshd: { open: () => Promise.reject(new Error('there is none')) },
    allowed: { ssh: true, ports: [] },
    clock,
    log: () => undefined,
  })
  const ask = (token: string) => streams.take({ type: 'open-stream', token, target }, 1)
  return { said, ask }
}

test('that replicas do not reach each other is passed on as the server said it', async () => {
  const body = JSON.stringify({ code: 'replicas-apart', detail: 'NATS is away' })
  const server = createServer((_, answer) => answer.writeHead(503).end(body)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const serverUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const device = { serverUrl, uuid: 'a'.repeat(32), deviceKey: 'key', userAgent: 'agent' }
  const http = await import('node:http')
  const dialBack = createDialBack(http, device, new Agent())
  await assert.rejects(dialBack('token', 1), (error: Refusal) => {
    assert.deepEqual([error.code, error.detail], ['replicas-apart', 'NATS is away'])
    return true
  })
  server.close()
})

test('a stream that cannot be dialled back is told of with its token and why, as often as a link may bear', async () => {
  const clock = createVirtualClock(0, settled)
  const failures = [new Refusal('replicas-apart', 'NATS is away'), new Error('no route')]
  const { said, ask } = openStreams(() => Promise.reject(failures.shift()), clock)
  ask('one')
  await settled()
  ask('two')
  await settled()
  const type = 'stream-undialled'
  assert.deepEqual(said, [
    { type, token: 'one', code: 'replicas-apart', detail: 'NATS is away' },
    {
      type,
      token: 'two',
      code: 'stream-not-answered',
      detail: 'the device dialled back: no route',
    },
  ])
  for (let i = 0; i < 1_000; i++) ask(`more-${i}`)
  await settled()
  assert.equal(said.length, dialFailureLimit.burst)
  await clock.run(1_000)
  for (let i = 0; i < 1_000; i++) ask(`later-${i}`)
  await settled()
  assert.equal(said.length, dialFailureLimit.burst + dialFailureLimit.perSecond)
})
