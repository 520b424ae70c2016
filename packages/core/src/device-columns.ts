// The columns of a device: what filters may ask about and lists may be sorted by. One table, which the
// filter language, the store, the command line, the dashboard and the docs share, so that a column
// has one name and one kind everywhere. `tag.<key>` and `fact.<name>` are families of columns: tags
// are free, facts are those that devices report.

import { reasonCodes } from './reasons.ts'
import { cloudlinkStates, heartbeatStates, statusWords, updateStatuses } from './statuses.ts'

/** What a column holds; it decides which operators it takes and which values. */
export type ColumnKind = 'text' | 'word' | 'instant' | 'number' | 'truth'

export type Column = {
  title: string
  kind: ColumnKind
  /** The closed list of a `word`. */
  words?: readonly string[]
  /** Upper and lower case of ASCII are the same to it. */
  foldsCase?: true
  /** Lists may be sorted by it. `small`: only where the filter leaves few devices. */
  sort?: 'any' | 'small'
}

export const columns = {
  name: { title: 'Name', kind: 'text', foldsCase: true, sort: 'any' },
  uuid: { title: 'Uuid', kind: 'text', foldsCase: true, sort: 'any' },
  fleet: { title: 'Fleet', kind: 'text', sort: 'small' },
  deviceType: { title: 'Device type', kind: 'text', sort: 'any' },
  status: { title: 'Status', kind: 'word', words: statusWords, sort: 'any' },
  since: { title: 'Status since', kind: 'instant', sort: 'any' },
  reason: { title: 'Reason', kind: 'word', words: reasonCodes },
  heartbeat: { title: 'Heartbeat', kind: 'word', words: heartbeatStates, sort: 'small' },
  cloudlink: { title: 'Cloudlink', kind: 'word', words: cloudlinkStates, sort: 'small' },
  lastContact: { title: 'Last contact', kind: 'instant', sort: 'small' },
  address: { title: 'Last address', kind: 'text', foldsCase: true, sort: 'any' },
  update: { title: 'Update status', kind: 'word', words: Object.keys(updateStatuses) },
  created: { title: 'Created', kind: 'instant', sort: 'any' },
  active: { title: 'Active', kind: 'truth' },
  frozen: { title: 'Frozen', kind: 'truth' },
} as const satisfies Record<string, Column>

export type PlainColumn = keyof typeof columns

/** The facts about its host that a device may report, by the name in its report. */
export const hostFacts = {
  os_version: 'text',
  os_variant: 'text',
  agent_version: 'text',
  supervisor_version: 'text',
  architecture: 'text',
  model: 'text',
  kernel: 'text',
  hostname: 'text',
  cpu_id: 'text',
  ip_address: 'text',
  mac_address: 'text',
  storage_block_device: 'text',
  boot_id: 'text',
  cpu_usage: 'number',
  cpu_temp: 'number',
  memory_usage: 'number',
  memory_total: 'number',
  storage_usage: 'number',
  storage_total: 'number',
  uptime_ms: 'number',
  api_port: 'number',
  is_undervolted: 'truth',
} as const satisfies Record<string, 'text' | 'number' | 'truth'>

/** Lists of addresses, which may be too long for an index, and no order of people's. */
const longFacts: readonly string[] = ['ip_address', 'mac_address']

/** A column as it is named: one of the table, or one of a family. */
export type ColumnName = PlainColumn | `tag.${string}` | `fact.${string}`

export const maxTagKeyLength = 100
/** Of what people note about a device, which is no column: nobody filters by it. */
export const maxNoteLength = 1_000

/** The column of that name, or null. */
export function columnOf(name: string): Column | null {
  if (Object.hasOwn(columns, name)) return columns[name as PlainColumn]
  const key = tagKeyOf(name)
  if (key) return { title: `Tag ${key}`, kind: 'text', sort: 'any' }
  const fact = factOf(name)
  if (!fact || !Object.hasOwn(hostFacts, fact)) return null
  const kind = hostFacts[fact as keyof typeof hostFacts]
  const title = `Fact ${fact.replaceAll('_', ' ')}`
  if (longFacts.includes(fact)) return { title, kind }
  return kind === 'text' ? { title, kind, sort: 'any' } : { title, kind, sort: 'small' }
}

/** The key of `tag.<key>`, or null. */
export function tagKeyOf(name: string): string | null {
  if (!name.startsWith('tag.') || name.length > 'tag.'.length + maxTagKeyLength) return null
  return name.slice('tag.'.length) || null
}

/** The name of `fact.<name>`, or null. */
export function factOf(name: string): string | null {
  return name.startsWith('fact.') ? name.slice('fact.'.length) : null
}

/** Every column that has a name of its own, the families by their facts. */
export const columnNames: readonly string[] = [
  ...Object.keys(columns),
  ...Object.keys(hostFacts).map((fact) => `fact.${fact}`),
]

/** As both databases fold names: ASCII alone, so that nobody's idea of a language matters. */
export function foldCase(text: string): string {
  return text.replace(/[A-Z]+/g, (upper) => upper.toLowerCase())
}

/** `since`, or `-since` for the other way round; null: there is no such order. */
export function sortOf(
  text: string,
): { column: string; descending: boolean; sort: 'any' | 'small' } | null {
  const descending = text.startsWith('-')
  const name = descending ? text.slice(1) : text
  const sort = columnOf(name)?.sort
  return sort ? { column: name, descending, sort } : null
}
