// The network between devices and replicas: each request takes its way to some replica that serves, or
// is delayed, doubled, lost on the way there or back, or cut off by a partition. What goes wrong on
// the way of a device explains its silence and is noted as its trouble; what goes wrong because no
// process listened is not the fault of any device and is never noted.

import type { Answer, Call } from '../packages/agent/src/transport.ts'
import type { Life } from './programs.ts'
import type { Random } from './random.ts'
import type { Run } from './replicas.ts'
import { addTrouble, type SimDevice } from './sim-device.ts'
import type { World } from './world.ts'

export type Network = ReturnType<typeof createNetwork>

/** A slower way than this explains by itself that a heartbeat is late: the margin of its pace is spent. */
const slowMs = 5_000

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
    const trip = new Trip(world, stats, { device, life, call, isCut })
    const run = pickReplica()
    const lossRate = device.mobile ? scenario.lossRate : 0
    if (isCut(device) || (run && cutOff[run.place]! > clock.now())) trip.loseAtDevice()
    else if (random.chance(lossRate)) trip.loseAtDevice()
    else if (!run) trip.refuse()
    else trip.send(run, device.mobile ? wayMs(random) : 0)
    return trip.promise
  }

  function pickReplica(): Run | undefined {
    const serving = world.replicas.serving()
    return serving.length < 2 ? serving[0] : random.pick(serving)
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

function wayMs(random: Random): number {
  return random.chance(0.02) ? random.between(500, 15_000) : random.between(10, 400)
}

type Stats = { requests: number; lost: number }
type Request = {
  device: SimDevice
  life: Life
  call: Call
  isCut(device: SimDevice): boolean
}

/** One request on its way there and back. */
class Trip {
  readonly promise: Promise<Answer>
  readonly #world: World
  readonly #stats: Stats
  readonly #request: Request
  readonly #sentAt: number
  readonly #sentTrueAt: number
  #settled = false
  #resolve!: (answer: Answer) => void
  #reject!: (error: Error) => void

  constructor(world: World, stats: Stats, request: Request) {
    this.#world = world
    this.#stats = stats
    this.#request = request
    this.#sentAt = world.replicas.now()
    this.#sentTrueAt = world.clock.now()
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  loseAtDevice(): void {
    if (this.#world.random.chance(0.3)) this.#failAfter(1, 'ENETUNREACH', true)
    else this.#timeOut(true)
  }

  refuse(): void {
    if (this.#world.random.chance(0.8)) this.#failAfter(1, 'ECONNREFUSED', false)
    else this.#timeOut(false)
  }

  send(run: Run, delayMs: number): void {
    const { clock, random, scenario } = this.#world
    if (delayMs === 0) {
      this.#arrive(run, false)
      return
    }
    if (delayMs >= this.#request.call.timeoutMs) this.#timeOut(true)
    this.#noteSlow(delayMs)
    clock.after(delayMs, () => this.#arrive(run, false))
    if (random.chance(scenario.duplicateRate))
      clock.after(delayMs + random.between(1, 2_000), () => this.#arrive(run, true))
  }

  #noteSlow(delayMs: number): void {
    const now = this.#world.replicas.now()
    if (delayMs > slowMs) addTrouble(this.#request.device, now, now + delayMs)
  }

  #end(conclude: () => void): void {
    if (this.#settled) return
    this.#settled = true
    if (this.#request.life.alive) conclude()
  }

  /** `own`: what went wrong explains the silence of the device. */
  #failAfter(delayMs: number, code: string, own: boolean): void {
    const { clock, replicas } = this.#world
    if (own) this.#stats.lost++
    const trouble = own ? addTrouble(this.#request.device, this.#sentAt, Infinity) : null
    clock.after(Math.max(0, delayMs), () => {
      if (trouble) trouble.untilAt = replicas.now()
      this.#end(() => this.#reject(failure(code)))
    })
  }

  #timeOut(own: boolean): void {
    const limitAt = this.#sentTrueAt + this.#request.call.timeoutMs
    this.#failAfter(limitAt - this.#world.clock.now(), 'ETIMEDOUT', own)
  }

  #arrive(run: Run, doubled: boolean): void {
    const { clock, front, replicas } = this.#world
    if (run.dead || !run.serving) {
      // Where another serves, the time counts as listened: only chance has led the device here.
      if (!doubled) this.#failAfter(1, 'ECONNRESET', replicas.serving().length > 0)
      return
    }
    const stalledMs = run.stalledUntil - clock.now()
    if (stalledMs > 0) {
      // Timers run first, then the sockets are read.
      clock.after(stalledMs, () => clock.after(0, () => this.#arrive(run, doubled)))
      if (!doubled) this.#timeOut(replicas.serving().length > 1)
      return
    }
    const answer = front.take(run, this.#request.call)
    if (doubled) return
    if (!(answer instanceof Promise)) {
      this.#comeBack(run, answer)
      return
    }
    this.#timeOut(false)
    void answer.then((said) => {
      if (!run.dead) this.#comeBack(run, said)
    })
  }

  #comeBack(run: Run, answer: Answer): void {
    const { clock, random, scenario, replicas } = this.#world
    const { device, call, isCut } = this.#request
    if (this.#settled) return
    if (answer.status === 401) addTrouble(device, this.#sentAt, replicas.now())
    // Refused by one that does not reach the store: as at one that died, only chance has led it here.
    const isOut = run.drive.cutOffUntil > clock.now() && replicas.serving().length > 1
    if (answer.status === 503 && isOut) addTrouble(device, this.#sentAt, replicas.now())
    const backMs = device.mobile ? wayMs(random) : 0
    this.#noteSlow(backMs)
    const isLost = device.mobile && (random.chance(scenario.lossRate) || isCut(device))
    if (backMs === 0) this.#end(() => this.#resolve(answer))
    else if (isLost || clock.now() + backMs >= this.#sentTrueAt + call.timeoutMs)
      this.#timeOut(true)
    else clock.after(backMs, () => this.#end(() => this.#resolve(answer)))
  }
}
