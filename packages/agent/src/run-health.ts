// The keeper of health with everything that it needs of a running agent.

import type { Clock } from '@muster/core/clock.ts'
import { askServer } from './device.ts'
import { examine } from './examine.ts'
import { HealthKeeper } from './health.ts'
import type { Identity } from './identity.ts'
import type { LinkKeeper } from './link-keeper.ts'
import type { AgentLoop, Log } from './loop.ts'
import { Services } from './services.ts'
import type { HttpTransport } from './transport.ts'
import type { Way } from './way.ts'

export type HealthParts = {
  stateDir: string
  dockerSocket: string | undefined
  serverUrl: string
  way: Way
  loop: AgentLoop
  keeper: () => LinkKeeper
  clock: Clock
  log: Log
  transport: HttpTransport
  device: { identity: Identity; userAgent: string }
}

export function createHealth(parts: HealthParts): HealthKeeper {
  const { stateDir, dockerSocket, serverUrl, way, loop, keeper, clock, log, transport } = parts
  const { identity, userAgent } = parts.device
  const { uuid, deviceKey } = identity
  const services = new Services(dockerSocket)
  const target = { serverUrl, uuid, deviceKey, userAgent, clock, way, identity }
  const beat = () => {
    const { failureCount, last } = loop.state.errands.heartbeat
    return { trouble: failureCount > 0 && last && last.kind !== 'ok' ? last.text : null }
  }
  return new HealthKeeper({
    clock,
    log,
    random: Math.random,
    examine: () =>
      examine({ target, diskPath: stateDir, services, beat, link: () => keeper().state, clock }),
    send: (message) => keeper().send(message),
    mayPost: () => loop.state.registered && loop.state.quietUntil <= clock.now(),
    async post(body) {
      const path = `/device/v1/${uuid}/health`
      const { outcome } = await askServer(transport, parts.device, { method: 'POST', path, body })
      if (outcome.kind === 'ok') return 'noted'
      const isWrong = outcome.kind === 'refused' && [400, 404].includes(outcome.httpStatus)
      return isWrong ? 'never' : 'failed'
    },
  })
}
