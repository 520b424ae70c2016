// What runs on a device: our real agent loop, or a poller that keeps the pace of balena-supervisor. A
// program can be cut off at any moment, as by a power cut: its timers do nothing and no answer reaches
// it any more.

import type { Clock } from '@muster/core/clock.ts'
import type { GoodbyeBody, Report } from '@muster/core/device-protocol.ts'
import { configNames } from '@muster/core/device-wire.ts'
import { type AgentLoop, createAgentLoop } from '../packages/agent/src/loop.ts'
import { atRest, reportOf, type Statement } from '../packages/agent/src/stated.ts'
import type { Answer, Call, Transport } from '../packages/agent/src/transport.ts'
import type { SimDevice } from './sim-device.ts'
import type { World } from './world.ts'

export type Life = { alive: boolean }

export type Program = {
  readonly life: Life
  /** Null for a program that does not report. */
  readonly loop: AgentLoop | null
  state(statement: Statement): void
  leave(goodbye: GoodbyeBody): Promise<void>
  stop(goodbye: GoodbyeBody | null): Promise<void>
  kill(): void
}

const userAgent = 'muster-agent/sim'
const supervisorAgent = 'Supervisor/17 (Linux; sim)'
const supervisorJitterMs = 60_000
const supervisorRetryMs = 15_000
const supervisorTimeoutMs = 59_000

export function startProgram(
  world: World,
  device: SimDevice,
  begin: { rebooted: boolean; provisioningKey?: string | undefined },
): Program {
  const life: Life = { alive: true }
  const clock = clockOf(world, life)
  const transport: Transport = { request: (call) => world.network.request(device, life, call) }
  return device.supervisor
    ? startSupervisor(world, device, life, clock, transport)
    : startAgent(world, device, life, clock, transport, begin)
}

function clockOf({ clock }: World, life: Life): Clock {
  return {
    now: clock.now,
    after: (delayMs, run) =>
      clock.after(delayMs, () => {
        if (life.alive) run()
      }),
  }
}

function startAgent(
  world: World,
  device: SimDevice,
  life: Life,
  clock: Clock,
  transport: Transport,
  { rebooted, provisioningKey }: { rebooted: boolean; provisioningKey?: string | undefined },
): Program {
  const { memory } = device
  const fresh: Report = {
    ...atRest,
    ...reportOf({ kind: 'update', updateStatus: 'done', progress: null }),
  }
  const registration = provisioningKey && {
    provisioningKey,
    body: { uuid: device.uuid, application: device.fleet, api_key: device.key },
  }
  const loop = createAgentLoop(
    { clock, transport, random: world.random.next, log: () => undefined },
    {
      uuid: device.uuid,
      deviceKey: device.key,
      userAgent,
      ...(registration ? { registration } : {}),
      intervalMs: memory.intervalMs,
      cloudlinkEnabled: false,
      acknowledged: rebooted ? {} : (memory.acknowledged as Report),
      wanted: rebooted && memory.reported ? fresh : {},
      onTarget: ({ intervalMs }) => {
        memory.intervalMs = intervalMs
      },
      onAcknowledged: (acknowledged) => {
        memory.acknowledged = acknowledged
      },
    },
  )
  loop.start()
  return {
    life,
    loop,
    state(statement) {
      memory.reported = true
      loop.offer(reportOf(statement))
    },
    leave: async (goodbye) => void (await loop.leave(goodbye)),
    async stop(goodbye) {
      await loop.stop({ goodbye })
      life.alive = false
    },
    kill() {
      life.alive = false
    },
  }
}

/** Polls each interval plus up to a minute; after a failure it waits 15 s, then twice as long. */
function startSupervisor(
  world: World,
  device: SimDevice,
  life: Life,
  clock: Clock,
  transport: Transport,
): Program {
  const { memory, uuid } = device
  let failures = 0
  let etag: string | null = null

  const call = (): Call => ({
    method: 'GET',
    path: `/device/v3/${uuid}/state`,
    headers: {
      authorization: `Bearer ${device.key}`,
      'user-agent': supervisorAgent,
      ...(etag === null ? {} : { 'if-none-match': etag }),
    },
    body: null,
    timeoutMs: supervisorTimeoutMs,
  })

  function take(answer: Answer): void {
    if (answer.status !== 200 && answer.status !== 304) {
      fail()
      return
    }
    if (answer.status === 200) {
      const target = JSON.parse(answer.body)[uuid]
      memory.intervalMs = Number(target.config[configNames.heartbeatIntervalMs])
      etag = answer.headers.etag ?? null
    }
    failures = 0
    clock.after(memory.intervalMs + world.random.between(0, supervisorJitterMs), poll)
  }

  function fail(): void {
    clock.after(Math.min(memory.intervalMs, supervisorRetryMs * 2 ** failures++), poll)
  }

  function poll(): void {
    transport.request(call()).then(take, fail)
  }

  poll()
  return {
    life,
    loop: null,
    state: () => undefined,
    leave: async () => undefined,
    stop: async () => {
      life.alive = false
    },
    kill() {
      life.alive = false
    },
  }
}
