// Two connections of one device at two replicas, in every order in which they can open and end and in
// which the replicas can hear of each other: late, twice, or not at all. Whatever the order, what is
// known in the end is the truth: the newest connection that lives, or that none does.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  type DeviceEvidence,
  noEvidence,
  type Observation,
  observe,
} from '@muster/core/evidence.ts'
import { noon } from '../fixtures.ts'
import { type End, keepaliveMs, openLinkHouse } from './fixtures.ts'
import type { Wire } from './ports.ts'

type Side = 'north' | 'south'
/** `news`: the other replica hears of the opening; `again`: once more; `missed`: instead, that it may have missed something. */
type Step = `${'open' | 'end' | 'news' | 'again' | 'missed'} ${Side}`

/** Every merging of sequences that keeps the order of each. */
function mergings<T>(sequences: readonly (readonly T[])[]): T[][] {
  const rest = sequences.filter(({ length }) => length > 0)
  if (rest.length === 0) return [[]]
  return rest.flatMap((sequence) => {
    const others = rest.map((one) => (one === sequence ? one.slice(1) : one))
    return mergings(others).map((tail) => [sequence[0]!, ...tail])
  })
}

/** An opening comes first; its end and its news then come in any order. */
function coursesOf(side: Side): Step[][] {
  const ends: Step[][] = [[], [`end ${side}`]]
  const news: Step[][] = [[`news ${side}`], [`news ${side}`, `again ${side}`], [`missed ${side}`]]
  return ends.flatMap((end) =>
    news.flatMap((told) =>
      mergings([end, told]).map((order): Step[] => [`open ${side}`, ...order]),
    ),
  )
}

const orders = coursesOf('north').flatMap((north) =>
  coursesOf('south').flatMap((south) => mergings([north, south])),
)

/** A wire that keeps each message until the test lets it through. */
function createHeldWire() {
  const receivers: ((message: unknown) => void)[] = []
  const held: unknown[] = []
  const wire: Wire = {
    tell: (_subject, message) => held.push(...(message as unknown[])) > 0,
    listen(_subject, receive) {
      receivers.push(receive)
      return () => undefined
    },
  }
  return {
    wire,
    /** What was told of the device at this epoch, as one message of its own. */
    deliver(to: number, uuid: string, epoch: number): void {
      const news = held.find(
        (one) => (one as [string, number])[0] === uuid && (one as [string, number])[1] === epoch,
      )
      if (news) receivers[to]!([news])
    },
  }
}

/** Where one of them missed something, both look again: no order that heard all may profit from it. */
const isHeard = (order: readonly Step[]) => !order.some((step) => step.startsWith('missed'))
const kinds = [
  { title: 'all is heard', orders: orders.filter(isHeard) },
  { title: 'something is missed', orders: orders.filter((order) => !isHeard(order)) },
]
const paces = [20, 15_000] as const

describe(`${orders.length} orders of two connections at two replicas`, () => {
  for (const { title, paceMs, among } of kinds.flatMap(({ title, orders }) =>
    paces.map((paceMs) => ({ title, paceMs, among: orders })),
  ))
    it(`end in the truth where ${title}, with ${paceMs} ms between two steps`, async () => {
      const { wire, deliver } = createHeldWire()
      await using house = await openLinkHouse({ replicaCount: 2, wire })
      await house.clock.run(2_000)
      const sample = among.filter((_, i) => i % 2 === paces.indexOf(paceMs))
      const plays = []
      for (const order of sample)
        plays.push({ order, device: await house.addDevice(), ends: new Map<Side, End>() })
      const longest = Math.max(...sample.map(({ length }) => length))
      for (let i = 0; i < longest; i++) {
        for (const { order, device, ends } of plays) {
          const [what, side] = (order[i]?.split(' ') ?? []) as [string, Side]
          const at = side === 'north' ? 0 : 1
          const epoch = ends.get(side)?.epoch ?? 0
          if (what === 'open') {
            const end = house.replicas[at]!.connect(device)
            ends.set(side, end)
            await end.hello(`instance-${side}`)
          }
          if (what === 'end') await ends.get(side)!.breakOff()
          if (what === 'news' || what === 'again') deliver(1 - at, device.uuid, epoch)
          if (what === 'missed') house.bus.publish({ kind: 'missed' })
        }
        await house.clock.run(paceMs)
      }
      await house.clock.run(3 * keepaliveMs)
      for (const { order, device, ends } of plays) {
        const live = [...ends.values()].filter(({ isOpen }) => isOpen)
        const { state, link } = await house.cloudlinkOf(device)
        const newest = Math.max(...[...ends.values()].map(({ epoch }) => epoch))
        const said = order.join(', ')
        assert.ok(live.length <= 1, `both are held after ${said}`)
        assert.equal(state, live.length === 1 ? 'connected' : 'disconnected', said)
        assert.equal(link.epoch, newest, said)
        if (live[0]) assert.equal(live[0].epoch, newest, said)
      }
    })

  it('leave the same evidence whatever the order in which it comes, and however often', () => {
    const seen: Observation[] = [
      { kind: 'link-opened', at: noon, epoch: 1, from: { instance: 'north', address: null } },
      { kind: 'link-closed', at: noon + 30, epoch: 1, aliveAt: noon + 5 },
      { kind: 'link-opened', at: noon + 10, epoch: 2, from: { instance: 'south', address: null } },
      { kind: 'link-alive', at: noon + 20, epoch: 2 },
      { kind: 'link-closed', at: noon + 25, epoch: 2, aliveAt: noon + 20 },
    ]
    for (const count of [4, 5]) {
      const told = seen.slice(0, count)
      const wanted = foldAll(told)
      for (const order of mergings(told.map((one) => [one])))
        for (const twice of [null, ...told])
          assert.deepEqual(foldAll(twice ? [...order, twice] : order), wanted)
    }
  })
})

function foldAll(observations: readonly Observation[]): DeviceEvidence {
  return observations.reduce(observe, noEvidence)
}
