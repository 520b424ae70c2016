// What a device reported about its host, in the units of the protocol: sizes in MiB, loads in
// percent, temperatures in °C, durations where the name says so. A used size stands with its total.

import type { DeviceView } from '@muster/core/api.ts'
import type { Row } from './card.ts'
import { titleOf } from './evidence.ts'
import { durationText } from './time.ts'

type Facts = DeviceView['facts']

const units: Record<string, string> = { cpu_usage: '%', cpu_temp: '°C' }
const sizes = ['memory', 'storage']

export function factRows(facts: Facts): Row[] {
  const rest = Object.keys(facts).filter((name) => !sizes.some((size) => isPartOf(name, size)))
  return [
    ...rest.map((name): Row => [titleOf(name.replace(/_ms$/, '')), factText(name, facts[name])]),
    ...sizes.flatMap((size) => sizeRows(size, facts)),
  ]
}

function isPartOf(name: string, size: string): boolean {
  return name === `${size}_usage` || name === `${size}_total`
}

function sizeRows(size: string, facts: Facts): Row[] {
  const used = facts[`${size}_usage`]
  const total = facts[`${size}_total`]
  if (typeof used === 'number' && typeof total === 'number' && total > 0) {
    const percent = Math.round((used / total) * 100)
    return [[size, `${sizeText(used)} of ${sizeText(total)} used (${percent} %)`]]
  }
  if (typeof used === 'number') return [[size, `${sizeText(used)} used`]]
  return typeof total === 'number' ? [[size, sizeText(total)]] : []
}

function sizeText(mebibytes: number): string {
  return mebibytes < 1024 ? `${mebibytes} MiB` : `${(mebibytes / 1024).toFixed(1)} GiB`
}

function factText(name: string, value: unknown): string {
  if (typeof value === 'string') return value
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (typeof value !== 'number') return JSON.stringify(value)
  if (name.endsWith('_ms')) return durationText(value)
  return units[name] ? `${value} ${units[name]}` : String(value)
}
