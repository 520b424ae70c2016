// What is known of the devices that are visited right now: a page asks for many things at once, and all
// of them need the same row.

import type { Clock } from '@muster/core/clock.ts'
import type { Devices, UrlDevice } from './ports.ts'

const knownMs = 2_000
const mostKnown = 10_000

export function knowDevices({ devices, clock }: { devices: Devices; clock: Clock }) {
  const known = new Map<string, { until: number; device: Promise<UrlDevice | null> }>()
  return {
    find(uuid: string): Promise<UrlDevice | null> {
      const found = known.get(uuid)
      if (found && found.until > clock.now()) return found.device
      const device = devices.findUrlDevice(uuid)
      device.catch(() => known.delete(uuid))
      known.delete(uuid)
      known.set(uuid, { until: clock.now() + knownMs, device })
      if (known.size > mostKnown) known.delete(known.keys().next().value!)
      return device
    },
    forget: (uuid: string): boolean => known.delete(uuid),
  }
}
