// What frozen means at a door: whoever wants something of the device now (an action, a stream, a new
// target state) asks here first. What the device itself says is taken all the same: its channels are
// recorded, and its containers run on.

import { Refusal } from './errors.ts'

/** Refuses with `device-frozen`. */
export function refuseFrozen({ frozen }: { frozen: boolean }): void {
  if (frozen) throw new Refusal('device-frozen')
}
