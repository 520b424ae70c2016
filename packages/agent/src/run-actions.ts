// Actions with everything that they need of a running agent, and their services in its reports.

import type { ActionReport } from '@muster/core/actions.ts'
import type { Clock } from '@muster/core/clock.ts'
import { Teller } from './action-teller.ts'
import { Executor, type ExecutorPorts } from './actions.ts'
import { Journal } from './actions-journal.ts'
import { isRecord } from './answers.ts'
import { askServer } from './device.ts'
import { identify } from './identify.ts'
import type { LinkKeeper } from './link-keeper.ts'
import type { AgentLoop, Log } from './loop.ts'
import type { Power } from './power-actions.ts'
import { Services } from './services.ts'
import type { HttpTransport } from './transport.ts'

export type ActionsPorts = {
  stateDir: string
  dockerSocket: string | undefined
  power: Power
  loop: AgentLoop
  keeper: () => LinkKeeper
  examine: ExecutorPorts['examine']
  clock: Clock
  log: Log
  transport: HttpTransport
  device: Parameters<typeof askServer>[1]
}

const lookAtServicesEveryMs = 30_000

export type RunningActions = ReturnType<typeof startActions>

export function startActions(ports: ActionsPorts) {
  const { stateDir, dockerSocket, power, loop, keeper, clock, log } = ports
  const { transport, device, examine } = ports
  const services = new Services(dockerSocket)
  const teller: Teller = new Teller({
    clock,
    send: (report) => keeper().send({ type: 'action-report', ...report }),
    mayPost: () => loop.state.registered && loop.state.quietUntil <= clock.now(),
    onNoted: (report) => executor.noted(report),
    async post({ id, ...body }: ActionReport) {
      const path = `/device/v1/${device.identity.uuid}/actions/${id}`
      const { outcome } = await askServer(transport, device, { method: 'POST', path, body })
      if (outcome.kind === 'ok') return 'noted'
      const isWrong = outcome.kind === 'refused' && [400, 404].includes(outcome.httpStatus)
      return isWrong ? 'never' : 'failed'
    },
  })
  const executor: Executor = new Executor({
    journal: new Journal(stateDir),
    power,
    services,
    log,
    tell: (report, withinMs) => teller.tell(report, withinMs),
    goodbye: (goodbye) => loop.leave(goodbye),
    comeBack() {
      loop.offer({ boot_id: power.bootId() })
      loop.comeBack()
    },
    identify: (by) => identify(by, { clock, log }),
    poll: () => loop.poll(),
    examine,
  })
  const stopLooking = keepLooking(services, loop, clock)
  void executor.recover()
  return {
    take: (orders: unknown) => executor.take(orders),
    /** What the server says over the link. */
    hear(message: unknown): void {
      if (!isRecord(message)) return
      if (message.type === 'actions') executor.take(message.orders)
      if (message.type === 'action-noted') teller.noted(String(message.id), String(message.state))
    },
    stop(): void {
      stopLooking()
      executor.stop()
      teller.stop()
    },
  }
}

function keepLooking(services: Services, loop: AgentLoop, clock: Clock): () => void {
  let cancel = () => {}
  let isStopped = false
  async function look(): Promise<void> {
    const found = await services.look()
    if (isStopped) return
    loop.offer(found)
    cancel = clock.after(lookAtServicesEveryMs, look)
  }
  void look()
  return () => {
    isStopped = true
    cancel()
  }
}
