// The columns of the table of devices: which there are, how wide, and how they are written in the address:
// `name~240,status,tag.site`. What a column holds is core's table of columns; what a cell says as
// text is here, for cells that need no more, for tooltips and for those who cannot see.

import type { DeviceView } from '@muster/core/api.ts'
import { columnOf, factOf, hostFacts, tagKeyOf } from '@muster/core/device-columns.ts'

export type ShownColumn = { name: string; width: number }

/** Besides core's columns: all tags in one. */
const ownColumns: Readonly<Record<string, string>> = { tags: 'Tags' }

const widths: Readonly<Record<string, number>> = {
  name: 200,
  uuid: 110,
  status: 200,
  since: 110,
  reason: 260,
  heartbeat: 110,
  cloudlink: 140,
  lastContact: 120,
  update: 170,
  fleet: 120,
  address: 140,
  tags: 180,
  'fact.os_version': 130,
}
export const widthLimits = { min: 64, max: 800 } as const

export const defaultColumns: readonly string[] = [
  'name',
  'status',
  'heartbeat',
  'cloudlink',
  'lastContact',
  'update',
  'fact.os_version',
  'tags',
  'address',
  'fleet',
  'uuid',
]

/** Every column that can be chosen without naming a tag. */
export const columnChoices: readonly string[] = [
  ...defaultColumns.filter((name) => !factOf(name)),
  'since',
  'reason',
  'deviceType',
  'created',
  ...Object.keys(hostFacts).map((fact) => `fact.${fact}`),
]

const factTitles: Readonly<Record<string, string>> = {
  os_version: 'OS',
  os_variant: 'OS variant',
  cpu_id: 'CPU id',
  cpu_usage: 'CPU usage',
  cpu_temp: 'CPU temperature',
  ip_address: 'IP addresses',
  mac_address: 'MAC addresses',
  boot_id: 'Boot id',
  api_port: 'API port',
  uptime_ms: 'Uptime',
}

export function titleOf(name: string): string {
  const tag = tagKeyOf(name)
  if (tag) return tag
  const fact = factOf(name)
  if (fact) return factTitles[fact] ?? capital(fact.replaceAll('_', ' '))
  return ownColumns[name] ?? columnOf(name)?.title ?? name
}

const capital = (text: string) => text.slice(0, 1).toUpperCase() + text.slice(1)

export const widthOf = (name: string): number => widths[name] ?? 140

/** The name stands first whatever else is chosen: a row without one is nobody. */
export function readColumns(text: string | undefined): ShownColumn[] {
  const asked = (text ?? '').split(',').flatMap((part) => {
    const [encoded = '', width] = part.split('~')
    const name = decode(encoded)
    if (!ownColumns[name] && !columnOf(name)) return []
    const given = Math.round(Number(width ?? Number.NaN))
    return [{ name, width: Number.isFinite(given) ? limitWidth(given) : widthOf(name) }]
  })
  if (asked.length === 0) return defaultColumns.map((name) => ({ name, width: widthOf(name) }))
  const named = asked.some(({ name }) => name === 'name')
    ? asked
    : [{ name: 'name', width: widthOf('name') }, ...asked]
  return named.filter((one, at) => named.findIndex(({ name }) => name === one.name) === at)
}

/** Undefined: as they are for everybody. */
export function printColumns(columns: readonly ShownColumn[]): string | undefined {
  const text = columns
    .map(({ name, width }) => `${encode(name)}${width === widthOf(name) ? '' : `~${width}`}`)
    .join(',')
  return text === defaultColumns.join(',') ? undefined : text
}

export function limitWidth(width: number): number {
  return Math.min(widthLimits.max, Math.max(widthLimits.min, Math.round(width)))
}

/** The widths as a grid of styles takes them. */
export const templateOf = (columns: readonly ShownColumn[]): string =>
  columns.map(({ width }) => `${width}px`).join(' ')

/** The column at `from` takes the place of the one at `to`. */
export function moveColumn(columns: readonly ShownColumn[], from: number, to: number) {
  const moved = columns[from]
  if (!moved || to < 0 || to >= columns.length) return [...columns]
  return columns.toSpliced(from, 1).toSpliced(to, 0, moved)
}

const encode = (name: string) =>
  name.replace(/[%,~]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`)

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** What a plain cell says; cells with more than text are drawn by the table. */
export function plainText(device: DeviceView, name: string): string {
  const tag = tagKeyOf(name)
  if (tag) return device.tags[tag] ?? ''
  const fact = factOf(name)
  if (fact) return factText(fact, device.facts[fact])
  if (name === 'fleet') return device.fleet
  if (name === 'address') return device.lastAddress ?? ''
  if (name === 'deviceType') return device.deviceType ?? ''
  if (name === 'active') return device.active ? '✓' : ''
  if (name === 'frozen') return device.status.status === 'frozen' ? '✓' : ''
  if (name === 'tags') return Object.entries(device.tags).map(tagText).join(' ')
  return ''
}

export const tagText = ([key, value]: [string, string]): string =>
  value === '' ? key : `${key}=${value}`

function factText(fact: string, value: unknown): string {
  if (value === undefined || value === null) return ''
  if (fact === 'uptime_ms' && typeof value === 'number') return durationText(value)
  if (/_usage$/.test(fact) && fact === 'cpu_usage') return `${value} %`
  return String(value)
}

const spans = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
] as const

/** In the largest unit that fits: `3 min`. */
export function durationText(ms: number): string {
  const [unit, size] = spans.find(([, size]) => ms >= size) ?? spans[3]
  return `${Math.floor(Math.max(0, ms) / size)} ${unit}`
}

/** Local, with UTC for who compares logs. */
export function instantText(at: number): string {
  return `${new Date(at).toLocaleString()} (${new Date(at).toISOString().slice(0, 19)}Z)`
}
