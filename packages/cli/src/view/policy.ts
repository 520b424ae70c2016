// A policy in words: each limit with its value and where it comes from.

import type { DeviceView, FleetView } from '@muster/core/api.ts'
import { durationText } from './time.ts'

type Policy = DeviceView['policy']
type Overrides = FleetView['policyOverrides']

const limits = {
  heartbeatIntervalMs: 'heartbeat every',
  heartbeatGraceMs: 'heartbeat grace',
  cloudlinkEnabled: 'cloudlink',
  cloudlinkKeepaliveMs: 'cloudlink keepalive',
  cloudlinkGraceMs: 'cloudlink grace',
  stallMs: 'stalled after',
} as const satisfies Record<keyof Policy, string>

/** `own` names where an override comes from: this fleet or this device. */
export function policyRows(
  policy: Policy,
  overrides: Overrides,
  own: 'fleet' | 'device',
): [name: string, value: string, source: string][] {
  const inherited = own === 'device' ? 'from the fleet or the default' : 'the default'
  return Object.entries(limits).map(([name, title]) => {
    const value = policy[name as keyof Policy]
    const text = typeof value === 'boolean' ? (value ? 'on' : 'off') : durationText(value)
    return [title, text, name in overrides ? `set for this ${own}` : inherited]
  })
}
