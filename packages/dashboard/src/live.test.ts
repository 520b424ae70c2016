import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StreamEvent } from '@muster/core/api-client.ts'
import { Refusal } from '@muster/core/errors.ts'
import { createVirtualClock } from '@muster/core/virtual-clock.ts'
import { createLive } from './live.ts'

const startAt = 1_000_000

/** Everything that was set going comes to rest. */
async function rest() {
  for (let step = 0; step < 20; step++) await Promise.resolve()
}

/** A stream on which the test speaks. */
function openStream() {
  const clock = createVirtualClock(startAt, rest)
  const said: StreamEvent[] = []
  let wake = () => {}
  let hear = () => {}
  let changeCount = 0
  async function* stream(_query: unknown, signal?: AbortSignal, onAlive = () => {}) {
    hear = onAlive
    while (!signal?.aborted) {
      const event = said.shift()
      if (event) yield event
      else
        await new Promise<void>((resolve) => {
          wake = resolve
        })
    }
  }
  const live = createLive({ api: { stream }, clock, onChange: () => void changeCount++ })
  const end = live.start()
  return {
    clock,
    live,
    end,
    changeCount: () => changeCount,
    comment: () => hear(),
    async say(event: StreamEvent) {
      if (event.event !== 'interrupted') hear()
      said.push(event)
      wake()
      await rest()
    },
  }
}

const opened = { event: 'opened', resumed: false } as const
const interrupted: StreamEvent = {
  event: 'interrupted',
  refusal: new Refusal('server-unreachable'),
  resumeInMs: 1_000,
}
const fleet = { event: 'fleet', data: { fleet: 'yard' } } as const

test('what is shown is old since the stream was last known to be alive, not since it was missed', async () => {
  const { clock, live, say, comment } = openStream()
  await say(opened)
  assert.deepEqual(live.read(), { state: 'live', lostAt: null })
  await clock.run(15_000)
  comment()
  await clock.run(45_000)
  await say(interrupted)
  assert.deepEqual(live.read(), { state: 'lost', lostAt: startAt + 15_000 })
  await clock.run(10_000)
  await say(interrupted)
  assert.deepEqual(live.read(), { state: 'lost', lostAt: startAt + 15_000 })
  await say(opened)
  assert.deepEqual(live.read(), { state: 'live', lostAt: null })
})

test('sums are read again soon after the first event, and once a second however much happens', async () => {
  const { clock, say, changeCount } = openStream()
  await say(fleet)
  await clock.run(299)
  assert.equal(changeCount(), 0)
  await clock.run(1)
  assert.equal(changeCount(), 1)
  for (let at = 0; at < 1_000; at += 100) {
    await say(fleet)
    await clock.run(100)
  }
  assert.equal(changeCount(), 2)
  await clock.run(10_000)
  assert.equal(changeCount(), 2)
})

test('whoever follows takes every event, until it does not', async () => {
  const { live, say } = openStream()
  const taken: string[] = []
  const unfollow = live.follow(({ event }) => taken.push(event))
  await say(opened)
  await say(fleet)
  unfollow()
  await say(fleet)
  assert.deepEqual(taken, ['opened', 'fleet'])
})
