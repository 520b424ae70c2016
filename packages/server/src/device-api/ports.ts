// What the device API needs of the features: it translates between HTTP and them, and decides nothing.

import type { ActionChannel, ActionOrder, ActionReport } from '@muster/core/actions.ts'
import type { DeviceView } from '@muster/core/api.ts'
import type { Clock } from '@muster/core/clock.ts'
import type { Observation } from '@muster/core/evidence.ts'
import type { HealthReport } from '@muster/core/health-checks.ts'
import type { AgentKind } from '@muster/core/policy.ts'
import type { KnownDevice } from '../presence/ports.ts'

export interface DeviceKeeper {
  /** The device that this key opens, as far as memory tells; null: only the store can say. */
  recall(uuid: string, keyHash: string): KnownDevice | null
  admit(uuid: string, keyHash: string): KnownDevice | null | Promise<KnownDevice | null>
  heartbeat(device: KnownDevice, keyHash: string, agent: AgentKind, address: string | null): void
  /** Resolves when it is durable; null: the device or its key is gone. */
  report(
    device: KnownDevice,
    keyHash: string,
    observe: (at: number) => Observation[],
  ): Promise<unknown>
}

export type Registration = {
  provisioningKey: string
  uuid: string
  application?: string | undefined
  deviceType?: string | undefined
  deviceKey?: string | undefined
  name?: string | undefined
}

export interface Registrar {
  registerDevice(
    registration: Registration,
  ): Promise<{ deviceId: number; uuid: string; key: string }>
}

/** What devices say about their hosts; null takes a fact back. */
export type Fact = string | number | boolean | null | readonly Record<string, string>[]
export type Facts = Record<string, Fact>

export interface FactStore {
  /** Resolves when it is durable. */
  mergeFacts(deviceId: number, facts: Facts, at: number): Promise<void>
}

export interface ActionDesk {
  /** What waits for the device, oldest first. */
  takeOrders(uuid: string): Promise<ActionOrder[]>
  /** Durable when it resolves. */
  report(deviceId: number, reports: readonly ActionReport[], channel: ActionChannel): Promise<void>
}

export interface HealthDesk {
  /** Durable when it resolves; false: the device or its key is gone. */
  take(
    device: KnownDevice,
    keyHash: string,
    report: HealthReport,
    heard: (at: number) => Observation[],
  ): Promise<boolean>
}

export type DeviceApiDeps = {
  health: HealthDesk
  actions: ActionDesk
  presence: DeviceKeeper
  registry: Registrar
  facts: FactStore
  clock: Clock
  hashKey(key: string): string
  /** The device as people see it. */
  loadView(uuid: string): Promise<DeviceView | null>
}
