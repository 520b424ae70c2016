// Health with links as one of the ways by which devices tell it: the two features know nothing of each
// other.

import type { Links } from '../cloudlink/links.ts'
import { Health, type HealthDeps } from '../health/health.ts'
import type { KnownDevice } from '../presence/ports.ts'
import type { AppDeps } from './features.ts'

export type DeviceHealth = Health<KnownDevice>

export function createHealthOver(
  links: Links,
  { log, ...deps }: HealthDeps<KnownDevice> & Pick<AppDeps, 'log'>,
): DeviceHealth {
  const health = new Health(deps)
  links.follow({
    said(link, message) {
      if (message.type !== 'health-report') return
      const { type: _, number, ...report } = message
      health.takeOver(link, report).then(
        (taken) => taken && link.isOpen && link.send({ type: 'health-noted', number }),
        // The device says it again with its next contact.
        (error) => log.warn({ error }, 'what a device found on itself could not be written'),
      )
    },
  })
  return health
}
