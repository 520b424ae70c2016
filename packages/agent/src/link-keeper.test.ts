import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type CloseReason, closeReasons, greetWithinMs } from '@muster/core/cloudlink-wire.ts'
import { noEvidence, observe } from '@muster/core/evidence.ts'
import { defaultPolicy } from '@muster/core/policy.ts'
import { deriveStatus } from '@muster/core/status.ts'
import { settled, simulatedClock } from './fixtures.ts'
import { type LineListener, LinkKeeper } from './link-keeper.ts'
import { type LinkTrouble, patienceMs, redialMs } from './link-pace.ts'

const keepaliveMs = 60_000

type Dialled = { at: number; server: LineListener; heard: string[] }

type Setting = { random?: () => number; quietUntil?: () => number; keepaliveMs?: number }

function testKeeper(setting: Setting = {}) {
  const { random = () => 0.5, quietUntil = () => -Infinity } = setting
  const told = { keepaliveMs: setting.keepaliveMs ?? keepaliveMs }
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
      const welcome = { type: 'welcome', epoch, ...told, replica: 'one' }
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

describe('a link that an outage of the server has broken', () => {
  const hourMs = 3_600_000

  /** How long after the server's return the slowest of such devices has its link again. */
  async function backAfterMs(askedEveryMs: number, outageMs: number): Promise<number> {
    const { keeper, clock, dialled, latest, bringUp } = testKeeper({
      random: () => 0.999,
      keepaliveMs: askedEveryMs,
    })
    keeper.allow(true)
    await clock.pass(0)
    await bringUp()
    const returnsAt = clock.now() + outageMs
    latest().server.closed(1006, 'reset')
    for (let count = dialled.length; ; count++) {
      while (dialled.length === count) await clock.pass(100)
      if (clock.now() >= returnsAt) return clock.now() + greetWithinMs - returnsAt
      latest().server.closed(1006, 'refused')
    }
  }

  it('is back before the judge gives it up, however long the outage, with no heartbeat to hurry it', async () => {
    for (const askedEveryMs of [5_000, 60_000, 300_000])
      for (const outageMs of [1_000, 20_000, 200_000, 1_000_000, hourMs, 2 * hourMs]) {
        const backMs = await backAfterMs(askedEveryMs, outageMs)
        const gap = { fromAt: 0, untilAt: outageMs, kind: 'absence' } as const
        const opened = { kind: 'link-opened', at: 0, epoch: 1 } as const
        const evidence = { ...observe(noEvidence, opened), gaps: [gap] }
        const policy = { ...defaultPolicy, cloudlinkKeepaliveMs: askedEveryMs }
        const { cloudlink } = deriveStatus(evidence, policy, outageMs + backMs - 1)
        assert.equal(cloudlink.state, 'connected', `${askedEveryMs} ${outageMs}: ${backMs}`)
      }
  })
})

describe('a heartbeat that is answered while there is no link', () => {
  /** A keeper whose link broke and whose tries have failed for so long that they are at their rarest. */
  async function longDown(reason: CloseReason | null = null) {
    const kit = testKeeper({ random: () => 0.999 })
    const { keeper, clock, bringUp, latest, close, dialled } = kit
    keeper.allow(true)
    await clock.pass(0)
    await bringUp()
    await clock.pass(keepaliveMs)
    if (reason) close(reason)
    else latest().server.closed(1006, 'reset')
    const nextWaitMs = async () => {
      const [count, failedAt] = [dialled.length, clock.now()]
      while (dialled.length === count) await clock.pass(100)
      const waitMs = latest().at - failedAt
      latest().server.closed(1006, 'refused')
      return waitMs
    }
    for (let i = 0; i < 9; i++) await nextWaitMs()
    return { ...kit, nextWaitMs }
  }

  it('hurries it, because the server is there', async () => {
    const { keeper, nextWaitMs } = await longDown()
    assert.ok((await nextWaitMs()) > 59_000)
    keeper.noteAnswer(false)
    assert.ok((await nextWaitMs()) <= 5_000)
    assert.ok((await nextWaitMs()) <= 4_000)
  })

  it('lets tries become rare where the link alone does not get through', async () => {
    const { keeper, nextWaitMs } = await longDown()
    for (let i = 0; i < 12; i++) {
      keeper.noteAnswer(false)
      await nextWaitMs()
    }
    assert.ok((await nextWaitMs()) > 299_000)
  })

  it('hurries nobody whose link another machine has taken, unless the server was away', async () => {
    const { keeper, nextWaitMs } = await longDown('replaced')
    keeper.noteAnswer(false)
    assert.ok((await nextWaitMs()) > 59_000)
    keeper.noteAnswer(true)
    assert.ok((await nextWaitMs()) <= 5_000)
  })
})

describe('the pace of a keeper', () => {
  const wait = (trouble: LinkTrouble, failureCount: number, random: number) =>
    redialMs(trouble, failureCount, patienceMs(keepaliveMs, false), random)

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
