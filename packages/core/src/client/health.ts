// Calls about what devices find on themselves.

import type { HealthView } from '../health-api.ts'
import type { Call } from './calls.ts'

export function healthCalls(call: Call) {
  return {
    health: {
      /** The last that the device said. */
      read: (uuid: string) =>
        call<HealthView>('GET', `/devices/${encodeURIComponent(uuid)}/health`),
    },
  }
}
