import assert from 'node:assert/strict'
import { test } from 'node:test'
import { finding } from '@muster/core/health-checks.ts'
import { createVirtualClock } from '@muster/core/virtual-clock.ts'
import { HealthKeeper, nextLookMs } from './health.ts'

const minuteMs = 60_000

/** A keeper whose examinations succeed at once; `link` and `api` say whether a telling gets through. */
function openKeeper({ link = true, api = true } = {}) {
  const clock = createVirtualClock(0, () => new Promise((resolve) => setImmediate(resolve)))
  const ways = { link, api, mayPost: true }
  const looks: number[] = []
  const told: { by: string; at: number; cause: unknown; agoMs: unknown }[] = []
  const keeper: HealthKeeper = new HealthKeeper({
    clock,
    random: () => 0,
    log: () => undefined,
    async examine() {
      looks.push(clock.now())
      return [finding('disk', 'ok', 'it is empty'), finding('api', 'failed', 'cut', 'tls')]
    },
    send({ cause, agoMs, number }) {
      if (!ways.link) return false
      told.push({ by: 'link', at: clock.now(), cause, agoMs })
      queueMicrotask(() => keeper.hear({ type: 'health-noted', number }))
      return true
    },
    async post({ cause, agoMs }) {
      if (!ways.api) return 'failed'
      told.push({ by: 'api', at: clock.now(), cause, agoMs })
      return 'noted'
    },
    mayPost: () => ways.mayPost,
  })
  return { clock, ways, looks, told, keeper }
}

test('a trouble that passes within 10 s costs no look', async () => {
  const { clock, looks, keeper } = openKeeper()
  keeper.noteTrouble('cloudlink')
  await clock.run(9_999)
  keeper.noteContact('cloudlink')
  await clock.run(60 * minuteMs)
  assert.deepEqual(looks, [])
})

test('a lasting trouble is looked at ever more seldom, and told at once over what works', async () => {
  const { clock, looks, told, keeper } = openKeeper({ link: false })
  keeper.noteTrouble('cloudlink')
  await clock.run(5 * minuteMs)
  assert.deepEqual(looks, [10_000, 64_000, 172_000])
  assert.deepEqual(told[0], { by: 'api', at: 10_000, cause: 'trouble', agoMs: 0 })
  assert.equal(nextLookMs(50, 0.5), 6 * 60 * minuteMs)
})

test('what could not be told goes with the next contact, and says how long ago it was', async () => {
  const { clock, ways, told, keeper } = openKeeper({ link: false, api: false })
  keeper.noteTrouble('api')
  await clock.run(40_000)
  assert.deepEqual(told, [])
  ways.api = true
  keeper.noteContact('api')
  await clock.run(0)
  assert.deepEqual(told[0], { by: 'api', at: 40_000, cause: 'trouble', agoMs: 30_000 })
})

test('once the channels are well it looks once more, and then no more', async () => {
  const { clock, told, keeper } = openKeeper()
  keeper.noteTrouble('api')
  keeper.noteTrouble('cloudlink')
  await clock.run(15_000)
  keeper.noteContact('api')
  await clock.run(1_000)
  keeper.noteContact('cloudlink')
  await clock.run(600 * minuteMs)
  assert.deepEqual(
    told.map(({ cause }) => cause),
    ['trouble', 'recovery'],
  )
})

test('trouble that comes back within the hour goes on at the pace that it had', async () => {
  const { clock, looks, keeper } = openKeeper()
  keeper.noteTrouble('cloudlink')
  await clock.run(20_000)
  keeper.noteContact('cloudlink')
  await clock.run(minuteMs)
  const before = looks.length
  keeper.noteTrouble('cloudlink')
  await clock.run(30_000)
  assert.equal(looks.length, before)
  await clock.run(30_000)
  assert.equal(looks.length, before + 1)
})

test('a link that does not note what it was told gives way to a request', async () => {
  const { clock, told, keeper } = openKeeper()
  keeper.hear = () => undefined
  void keeper.run()
  await clock.run(10_000)
  assert.deepEqual(
    told.map(({ by, at }) => [by, at]),
    [
      ['link', 0],
      ['api', 3_000],
    ],
  )
})

test('after a goodbye it neither looks nor tells', async () => {
  const { clock, ways, looks, told, keeper } = openKeeper({ link: false })
  ways.mayPost = false
  keeper.noteTrouble('cloudlink')
  await clock.run(5 * minuteMs)
  assert.deepEqual([looks, told], [[], []])
})

test('who asks gets each finding as proof, and the summary', async () => {
  const { clock, keeper } = openKeeper()
  const asked = keeper.run()
  await clock.run(10_000)
  const { text, proof } = await asked
  assert.equal(text, '1 of 2 health checks are not well: api')
  assert.deepEqual(proof, { disk: 'ok: it is empty', api: 'failed: cut' })
})
