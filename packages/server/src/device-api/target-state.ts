// The target state that a device polls for: its name and its policy, in the protocol's words. The
// ETag is a digest of just what the state is made from, kept for as long as the device is unchanged.

import { hash } from 'node:crypto'
import type { ActionOrder } from '@muster/core/actions.ts'
import type { TargetState } from '@muster/core/device-protocol.ts'
import { configNames } from '@muster/core/device-wire.ts'
import type { KnownDevice } from '../presence/ports.ts'

/** Short, because every heartbeat carries it twice; 60 bits are plenty for one device's few states. */
const digestLength = 10

export function createTargets() {
  const etags = new WeakMap<
    KnownDevice,
    { policy: KnownDevice['policy']; name: string; etag: string }
  >()

  function etagOf(device: KnownDevice): string {
    const kept = etags.get(device)
    if (kept && kept.policy === device.policy && kept.name === device.name) return kept.etag
    const { policy, name } = device
    const digest = hash('sha256', JSON.stringify(stateOf(device)), 'base64url')
    const etag = `"${digest.slice(0, digestLength)}"`
    etags.set(device, { policy, name, etag })
    return etag
  }

  function stateOf(
    { uuid, name, policy }: KnownDevice,
    actions: readonly ActionOrder[] = [],
  ): TargetState {
    const config = {
      [configNames.heartbeatIntervalMs]: String(policy.heartbeatIntervalMs),
      [configNames.cloudlinkEnabled]: String(policy.cloudlinkEnabled),
    }
    const more = actions.length > 0 ? { actions: [...actions] } : {}
    return { [uuid]: { name, config, apps: {}, ...more } }
  }

  return { etagOf, stateOf }
}
