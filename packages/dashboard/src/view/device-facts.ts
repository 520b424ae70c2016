// What a device reported of its host, as people read it: measures with how much of the whole they are, and
// the rest under titles, in groups. Memory and storage are reported in MiB.

import type { DeviceView } from '@muster/core/api.ts'
import { titleOf } from './device-columns.ts'

type HostFacts = DeviceView['facts']

export type Measure = { name: string; text: string; percent: number | null }

export function measuresOf(facts: HostFacts): Measure[] {
  const number = (name: string) => {
    const value = facts[name]
    return typeof value === 'number' ? value : null
  }
  const of = (name: string, used: number | null, total: number | null): Measure[] =>
    used === null || total === null || total <= 0
      ? []
      : [{ name, text: `${sizeText(used)} / ${sizeText(total)}`, percent: (100 * used) / total }]
  const cpu = number('cpu_usage')
  const temperature = number('cpu_temp')
  return [
    ...(cpu === null ? [] : [{ name: 'cpu', text: `${Math.round(cpu)} %`, percent: cpu }]),
    ...of('memory', number('memory_usage'), number('memory_total')),
    ...of('storage', number('storage_usage'), number('storage_total')),
    ...(temperature === null
      ? []
      : [{ name: 'temperature', text: `${Math.round(temperature)} °C`, percent: null }]),
  ]
}

const units = ['MiB', 'GiB', 'TiB'] as const

export function sizeText(mebibytes: number): string {
  const step = Math.min(units.length - 1, mebibytes < 1 ? 0 : Math.floor(Math.log2(mebibytes) / 10))
  const size = mebibytes / 1024 ** step
  return `${size >= 100 || step === 0 ? Math.round(size) : size.toFixed(1)} ${units[step]}`
}

/** In this order; what is not reported is left out. */
const shown = [
  'os_version',
  'os_variant',
  'kernel',
  'architecture',
  'model',
  'hostname',
  'agent_version',
  'supervisor_version',
  'docker',
  'ip_address',
  'mac_address',
  'storage_block_device',
  'cpu_id',
  'boot_id',
  'is_undervolted',
] as const

export function hostFactsOf(facts: HostFacts): { name: string; title: string; values: string[] }[] {
  return shown.flatMap((name) => {
    const value = facts[name]
    if (value === undefined || value === null || value === '' || value === false) return []
    // Addresses come with spaces between them.
    const values = name.endsWith('_address') ? String(value).split(' ') : [String(value)]
    return [{ name, title: titleOf(`fact.${name}`), values }]
  })
}

export type Service = { name: string; state: string; image: string }

/** Null: it reported none, and not that there are none. */
export function servicesOf(facts: HostFacts): Service[] | null {
  const { services } = facts
  if (!Array.isArray(services)) return null
  return services.map(({ name, state, image }) => ({
    name: String(name),
    state: String(state ?? ''),
    image: String(image ?? ''),
  }))
}
