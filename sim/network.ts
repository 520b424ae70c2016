// The network between devices and replicas: each request takes its way to some replica that serves, or
// is delayed, doubled, lost on the way there or back, or cut off by a partition. What goes wrong on
// the way of a device explains its silence and is noted as its trouble; what goes wrong because no
// process listened is not the fault of any device and is never noted.

import type { Answer, Call } from '../packages/agent/src/transport.ts'
import type { Life } from './programs.ts'
import type { Run } from './replicas.ts'
import { addTrouble, type SimDevice } from './sim-device.ts'
import type { World } from './world.ts'

export type Network = ReturnType<typeof createNetwork>

const failure = (code: string) => Object.assign(new Error(code), { code })

export function createNetwork(world: World) {
  const { clock, random, scenario } = world
  /** Nobody reaches the replica in this place until then. */
  const cutOff: number[] = Array(scenario.replicaCount).fill(0)
  let everybodyCutOffUntil = 0
  const stats = { requests: 0, lost: 0 }

  function isCut(device: SimDevice): boolean {
    const now = clock.now()
    return device.partitionedUntil > now || everybodyCutOffUntil > now
  }

  function request(device: SimDevice, life: Life, call: Call): Promise<Answer> {
    stats.requests++
    const trip = createTrip(device, life, call)
    const run = pickReplica()
    const lossRate = device.mobile ? scenario.lossRate : 0
    if (isCut(device) || (run && cutOff[run.place]! > clock.now())) trip.loseAtDevice()
    else if (random.chance(lossRate)) trip.loseAtDevice()
    else if (!run) trip.refuse()
    else trip.send(run, device.mobile ? delayMs() : 0)
    return trip.promise
  }

  function pickReplica(): Run | undefined {
    const serving = world.replicas.serving()
    return serving.length < 2 ? serving[0] : random.pick(serving)
  }

  function delayMs(): number {
    return random.chance(0.02) ? random.between(500, 15_000) : random.between(10, 400)
  }

  function createTrip(device: SimDevice, life: Life, call: Call) {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>()
    const sentAt = world.replicas.now()
    const sentTrueAt = clock.now()
    let settled = false

    function end(conclude: () => void): void {
      if (settled) return
      settled = true
      if (life.alive) conclude()
    }

    function failAfter(delayMs: number, code: string, own: boolean): void {
      if (own) stats.lost++
      const trouble = own ? addTrouble(device, sentAt, Infinity) : null
      clock.after(Math.max(0, delayMs), () => {
        if (trouble) trouble.untilAt = world.replicas.now()
        end(() => reject(failure(code)))
      })
    }

    function timeOut(own: boolean): void {
      failAfter(sentTrueAt + call.timeoutMs - clock.now(), 'ETIMEDOUT', own)
    }

    function arrive(run: Run, doubled: boolean): void {
      if (run.dead || !run.serving) {
        if (!doubled) failAfter(1, 'ECONNRESET', world.replicas.serving().length > 0)
        return
      }
      const stalledMs = run.stalledUntil - clock.now()
      if (stalledMs > 0) {
        // Timers run first, then the sockets are read.
        clock.after(stalledMs, () => clock.after(0, () => arrive(run, doubled)))
        if (!doubled) timeOut(world.replicas.serving().length > 1)
        return
      }
      const answer = world.front.take(run, call)
      if (doubled) return
      if (!(answer instanceof Promise)) return comeBack(answer)
      timeOut(false)
      void answer.then((said) => !run.dead && comeBack(said))
    }

    function comeBack(answer: Answer): void {
      if (settled) return
      if (answer.status === 401) addTrouble(device, sentAt, world.replicas.now())
      if (!device.mobile) return end(() => resolve(answer))
      if (random.chance(scenario.lossRate) || isCut(device)) return timeOut(true)
      const backMs = delayMs()
      if (clock.now() + backMs >= sentTrueAt + call.timeoutMs) return timeOut(true)
      clock.after(backMs, () => end(() => resolve(answer)))
    }

    return {
      promise,
      loseAtDevice(): void {
        if (random.chance(0.3)) failAfter(1, 'ENETUNREACH', true)
        else timeOut(true)
      },
      refuse(): void {
        if (random.chance(0.8)) failAfter(1, 'ECONNREFUSED', false)
        else timeOut(false)
      },
      send(run: Run, delay: number): void {
        if (delay === 0) return arrive(run, false)
        if (delay >= call.timeoutMs) timeOut(true)
        clock.after(delay, () => arrive(run, false))
        if (random.chance(scenario.duplicateRate))
          clock.after(delay + random.between(1, 2_000), () => arrive(run, true))
      },
    }
  }

  return {
    request,
    stats,
    cutOffReplica(place: number, untilAt: number): void {
      cutOff[place] = untilAt
    },
    cutOffEverybody(untilAt: number): void {
      everybodyCutOffUntil = untilAt
    },
    heal(): void {
      cutOff.fill(0)
      everybodyCutOffUntil = 0
    },
  }
}
