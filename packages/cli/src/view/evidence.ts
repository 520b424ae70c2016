// The evidence of a reason in human times. Names say their units: an instant ends in At or Since, a
// duration in Ms; so evidence that a newer server adds reads well without a change here.

import type { DeviceView } from '@muster/core/api.ts'
import type { Row } from './card.ts'
import type { Look } from './text.ts'
import { durationText, momentText } from './time.ts'

type Evidence = DeviceView['status']['reasons'][number]['evidence']

export function evidenceRows(evidence: Evidence, look: Look): Row[] {
  return Object.entries(evidence).flatMap(([name, value]): Row[] => {
    const title = titleOf(name)
    if (value === null)
      return name.startsWith('last') && name.endsWith('At') ? [[title, 'never']] : []
    if (typeof value === 'string') return [[title, value]]
    if (/(At|Since)$/.test(name)) return [[title, momentText(value, look)]]
    return [[title, name.endsWith('Ms') ? durationText(value) : String(value)]]
  })
}

/** `lastHeartbeatAt` → "last heartbeat". */
export function titleOf(name: string): string {
  const words = name.replace(/(?<=.)(At|Ms)$/, '')
  return words.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`).replaceAll('_', ' ')
}
