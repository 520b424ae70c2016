import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type CloseReason, closeReasons, greetWithinMs } from '@muster/core/cloudlink-wire.ts'
import { settled, simulatedClock } from './fixtures.ts'
import { type LineListener, LinkKeeper } from './link-keeper.ts'
import { type LinkTrouble, redialMs } from './link-pace.ts'

const keepaliveMs = 60_000

type Dialled = { at: number; server: LineListener; heard: string[] }

type Setting = { random?: () => number; quietUntil?: () => number }

function testKeeper({ random = () => 0.5, quietUntil = () => -Infinity }: Setting = {}) {
  const clock = simulatedClock()
  const dialled: Dialled[] = []
  const keeper = new LinkKeeper(
    {
      clock,
      random,
      log: () => undefined,
      dial(server) {
        const heard: string[] = []
        dialled.push({ at: clock.now(), server, heard })
        return {
          send: (text) => void heard.push(text),
          close: (_code, reason) => void heard.push(`close ${reason}`),
          drop: () => void heard.push('drop'),
        }
      },
    },
    { instance: 'instance', quietUntil },
  )
  const latest = () => dialled.at(-1)!
  return {
    clock,
    keeper,
    dialled,
    latest,
    async bringUp(epoch = dialled.length) {
      latest().server.opened()
      const welcome = { type: 'welcome', epoch, keepaliveMs, replica: 'one' }
      latest().server.said(JSON.stringify(welcome))
      await settled()
    },
    close(reason: CloseReason) {
      latest().server.closed(closeReasons[reason].code, '')
    },
  }
}

describe('the keeper of a link', () => {
  it('opens it as soon as the policy allows, says hello, and is up when it is welcomed', async () => {
    const { keeper, clock, dialled, latest, bringUp } = testKeeper()
    await clock.pass(5_000)
    assert.equal(dialled.length, 0)
    assert.equal(keeper.state.phase, 'off')
    keeper.allow(true)
    await clock.pass(0)
    assert.equal(dialled.length, 1)
    await bringUp()
    assert.deepEqual(JSON.parse(latest().heard[0]!), { type: 'hello', instance: 'instance' })
    assert.deepEqual([keeper.state.phase, keeper.state.epoch], ['up', 1])
    keeper.allow(false)
    assert.equal(latest().heard.at(-1), 'close disabled')
    await clock.pass(3_600_000)
    assert.equal(dialled.length, 1)
  })

  it('gives up one that nobody asks for 1.5 × its keepalive, and not a moment sooner', async () => {
    const { keeper, clock, latest, bringUp } = testKeeper()
    keeper.allow(true)
    await clock.pass(0)
    await bringUp()
    await clock.pass(keepaliveMs)
    latest().server.asked()
    await clock.pass(1.5 * keepaliveMs - 1)
    assert.equal(keeper.state.phase, 'up')
    await clock.pass(1)
    assert.equal(keeper.state.phase, 'waiting')
    assert.equal(latest().heard.at(-1), 'drop')
  })

  it('gives up a server that never answers, and tries again', async () => {
    const { keeper, clock, dialled } = testKeeper()
    keeper.allow(true)
    await clock.pass(greetWithinMs)
    assert.equal(dialled[0]!.heard.at(-1), 'drop')
    await clock.pass(10_000)
    assert.equal(dialled.length, 2)
  })

  it('moves when it is asked to, and keeps the old link until the new one is up', async () => {
    const { keeper, clock, dialled, bringUp } = testKeeper()
    keeper.allow(true)
    await clock.pass(0)
    await bringUp()
    const [old] = dialled
    old!.server.said('{"type":"drain","withinMs":4000}')
    await clock.pass(999)
    assert.equal(dialled.length, 1)
    await clock.pass(1)
    assert.equal(dialled.length, 2)
    dialled[1]!.server.refused({ httpStatus: 503, text: 'stopping', retryAfterMs: 2_000 })
    assert.equal(keeper.state.phase, 'up')
    await clock.pass(2_000)
    assert.equal(dialled.length, 3)
    assert.equal(old!.heard.includes('drop'), false)
    await bringUp()
    assert.equal(old!.heard.at(-1), 'close moved')
    assert.equal(keeper.state.epoch, 3)
    old!.server.closed(1006, 'late')
    assert.equal(keeper.state.phase, 'up')
  })

  it('is back within seconds after a clean stop of the replica, and slower the more often it fails', async () => {
    const { keeper, clock, dialled, bringUp, close } = testKeeper({ random: () => 0.999 })
    keeper.allow(true)
    await clock.pass(0)
    await bringUp()
    close('going-away')
    await clock.pass(3_000)
    assert.equal(dialled.length, 2)
    const waits: number[] = []
    for (let i = 0; i < 12; i++) {
      const closedAt = clock.now()
      dialled.at(-1)!.server.closed(1006, 'refused')
      const count: number = dialled.length
      while (dialled.length === count) await clock.pass(100)
      waits.push(dialled.at(-1)!.at - closedAt)
    }
    assert.ok(waits.every((ms) => ms > 0 && ms <= 5 * keepaliveMs))
    assert.deepEqual(
      waits,
      waits.toSorted((a, b) => a - b),
    )
  })

  it('stays silent after a goodbye, and answers nothing once it has stopped', async () => {
    let quietUntil = 60_000
    const { keeper, clock, dialled, bringUp, latest } = testKeeper({
      quietUntil: () => quietUntil,
    })
    keeper.allow(true)
    await clock.pass(59_999)
    assert.equal(dialled.length, 0)
    await clock.pass(1)
    assert.equal(dialled.length, 1)
    quietUntil = -Infinity
    await bringUp()
    keeper.stop()
    assert.equal(latest().heard.at(-1), 'close agent-stop')
    latest().server.closed(1006, '')
    await clock.pass(3_600_000)
    assert.equal(dialled.length, 1)
  })
})

describe('the pace of a keeper', () => {
  const wait = (trouble: LinkTrouble, failureCount: number, random: number) =>
    redialMs(trouble, failureCount, keepaliveMs, random)

  it('draws from the whole of a bound that doubles up to five keepalives', () => {
    for (const [failureCount, boundMs] of [
      [1, 4_000],
      [2, 8_000],
      [8, 300_000],
      [100, 300_000],
    ] as const) {
      assert.equal(wait({ kind: 'broken' }, failureCount, 0), 200)
      assert.equal(wait({ kind: 'broken' }, failureCount, 1), boundMs)
    }
  })

  it('honours Retry-After as the least wait, and spreads over as much again', () => {
    const busy = { kind: 'refused', httpStatus: 429, retryAfterMs: 7_000 } as const
    assert.deepEqual([wait(busy, 1, 0), wait(busy, 9, 1)], [7_000, 14_000])
  })

  it('lets two machines that take the link from each other do so ever more slowly', () => {
    const replaced = { kind: 'closed', reason: 'replaced' } as const
    assert.deepEqual(
      [1, 2, 3, 20].map((count) => wait(replaced, count, 0)),
      [4_000, 8_000, 16_000, 150_000],
    )
    assert.equal(wait(replaced, 20, 1), 300_000)
  })
})
