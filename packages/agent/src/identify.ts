// Makes the device find itself among others: a light of its own blinks for ten seconds; where it has
// none that may be switched, the log has a line.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Clock, pause } from '@muster/core/clock.ts'
import type { Log } from './loop.ts'

const blinks = 20
const blinkMs = 250
/** Lights that a board has for people; those of keyboards and networks say something else. */
const preferred = /^(?:ACT|led0|PWR|led1|status|.*:(?:activity|status|heartbeat|indicator))/i

/** Answers with the name of the light, or `log`. */
export async function identify(
  by: string,
  { clock, log, root = '/' }: { clock: Clock; log: Log; root?: string },
): Promise<string> {
  log('info', `Here I am: ${by} asked this device to identify itself.`)
  const folder = join(root, 'sys/class/leds')
  const light = lightsIn(folder).find((name) => preferred.test(name))
  if (!light || !(await blink(join(folder, light), clock))) return 'log'
  return light
}

function lightsIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort()
  } catch {
    return []
  }
}

async function blink(folder: string, clock: Clock): Promise<boolean> {
  const trigger = join(folder, 'trigger')
  const brightness = join(folder, 'brightness')
  try {
    const before = /\[(.+?)\]/.exec(readFileSync(trigger, 'utf8'))?.[1] ?? 'none'
    writeFileSync(trigger, 'none')
    for (let i = 0; i < blinks * 2; i++) {
      writeFileSync(brightness, i % 2 === 0 ? '1' : '0')
      await pause(clock, blinkMs)
    }
    writeFileSync(trigger, before)
    return true
  } catch {
    return false
  }
}
