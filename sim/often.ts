// Again and again, with no memory, around so many times a day, until the world is healed. A run of
// less than a day has the troubles of a day.

import { dayMs } from './scenario.ts'
import type { World } from './world.ts'

export function often(world: World, perDay: number, act: () => void): void {
  if (perDay <= 0) return
  world.clock.after(world.random.wait((dayMs * Math.min(1, world.options.days)) / perDay), () => {
    if (world.healed) return
    act()
    often(world, perDay, act)
  })
}
