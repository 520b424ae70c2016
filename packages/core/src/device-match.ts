// A filter asked of one device in memory: for the live stream, which must say whether a changed device
// still belongs to a list, and as the oracle that the store's SQL is tested against. A comparison with
// what a device does not have is false; `!=`, `!~` and `not in` are the negations of that.

import type { DeviceView } from './api.ts'
import { type Column, factOf, foldCase, tagKeyOf } from './device-columns.ts'
import { type Filter, instantOf, knownColumn, piecesOf, type Value } from './device-filter.ts'

/** What filters ask about. Instants are epoch ms. */
export type FilteredDevice = {
  name: string
  uuid: string
  fleet: string
  deviceType: string | null
  status: string
  since: number
  reasons: readonly string[]
  heartbeat: string
  cloudlink: string
  lastContactAt: number | null
  address: string | null
  update: string | null
  createdAt: number
  active: boolean
  tags: Readonly<Record<string, string>>
  facts: Readonly<Record<string, unknown>>
}

export function filteredDeviceOf(view: DeviceView): FilteredDevice {
  return {
    ...view,
    status: view.status.status,
    since: view.status.since,
    reasons: view.status.reasons.map(({ code }) => code),
    heartbeat: view.heartbeat.state,
    cloudlink: view.cloudlink.state,
    address: view.lastAddress,
    update: view.update?.updateStatus ?? null,
  }
}

export function matchesFilter(filter: Filter, device: FilteredDevice, now: number): boolean {
  switch (filter.kind) {
    case 'and':
      return filter.of.every((part) => matchesFilter(part, device, now))
    case 'or':
      return filter.of.some((part) => matchesFilter(part, device, now))
    case 'not':
      return !matchesFilter(filter.of, device, now)
    case 'exists':
      return heldBy(device, filter.column).length > 0
    case 'in': {
      const column = knownColumn(filter.column)
      const held = heldBy(device, filter.column)
      const among = filter.values.some((value) => held.some((one) => equals(column, one, value)))
      return among !== filter.negated
    }
    case 'compare': {
      const column = knownColumn(filter.column)
      const { operator, value } = filter
      const some = (test: (held: Held) => boolean) => heldBy(device, filter.column).some(test)
      const bound = value.kind === 'number' ? value.number : instantOf(value, now)
      switch (operator) {
        case '=':
          return some((held) => equals(column, held, value))
        case '!=':
          return !some((held) => equals(column, held, value))
        case '~':
          return some((held) => isLike(column, held, value))
        case '!~':
          return !some((held) => isLike(column, held, value))
        case '<':
          return some((held) => Number(held) < bound)
        case '<=':
          return some((held) => Number(held) <= bound)
        case '>':
          return some((held) => Number(held) > bound)
        case '>=':
          return some((held) => Number(held) >= bound)
        default:
          return operator satisfies never
      }
    }
    default:
      return filter satisfies never
  }
}

/** Whether a search finds it: its name, tags and address by any part, its uuid by its beginning. */
export function matchesSearch(q: string, device: FilteredDevice): boolean {
  const sought = foldCase(q)
  return (
    (isUuidBeginning(sought) && device.uuid.startsWith(sought)) ||
    foldCase(searchTextOf(device)).includes(sought)
  )
}

const minUuidDigits = 4

/** A shorter beginning of a uuid finds nobody in particular. */
export function isUuidBeginning(folded: string): boolean {
  return folded.length >= minUuidDigits && /^[0-9a-f]+$/.test(folded)
}

/** All that a search looks into, one thing a line: the store's triggers write the same. */
function searchTextOf({ name, tags, address }: FilteredDevice): string {
  const written = Object.keys(tags)
    .sort()
    .map((key) => `${key}=${tags[key]}`)
  return [name, address ?? '', ...written].join('\n')
}

type Held = string | number | boolean

/** The values that a device has in a column: one, none, or for reasons several. */
function heldBy(device: FilteredDevice, name: string): readonly Held[] {
  const key = tagKeyOf(name)
  if (key) return Object.hasOwn(device.tags, key) ? [device.tags[key]!] : []
  const fact = factOf(name)
  if (fact) return factHeld(device.facts[fact], knownColumn(name))
  switch (name) {
    case 'reason':
      return device.reasons
    case 'lastContact':
      return present(device.lastContactAt)
    case 'created':
      return [device.createdAt]
    case 'frozen':
      return [device.status === 'frozen']
    default:
      return present(device[name as keyof FilteredDevice] as Held | null)
  }
}

function present(value: Held | null): readonly Held[] {
  return value === null ? [] : [value]
}

/** A fact of another kind than it should be is not there. */
function factHeld(value: unknown, { kind }: Column): readonly Held[] {
  const fits = {
    text: typeof value === 'string',
    number: typeof value === 'number',
    truth: typeof value === 'boolean',
  }
  return fits[kind as keyof typeof fits] ? [value as Held] : []
}

function equals({ foldsCase }: Column, held: Held, value: Value): boolean {
  if (value.kind === 'number') return held === value.number
  if (value.kind === 'truth') return held === value.truth
  if (value.kind !== 'text' && value.kind !== 'word') return false
  return foldsCase ? foldCase(String(held)) === foldCase(value.text) : held === value.text
}

function isLike({ foldsCase }: Column, held: Held, value: Value): boolean {
  if (value.kind !== 'text') return false
  const fold = foldsCase ? foldCase : (text: string) => text
  return isPattern(piecesOf(fold(value.text)), fold(String(held)))
}

/** Greedy from the left, which is exact where a star is the only wildcard. */
function isPattern(pieces: readonly string[], text: string): boolean {
  const first = pieces[0]!
  if (pieces.length === 1) return text === first
  const last = pieces.at(-1)!
  if (!text.startsWith(first) || !text.endsWith(last)) return false
  const end = text.length - last.length
  let at = first.length
  for (const piece of pieces.slice(1, -1)) {
    const found = text.indexOf(piece, at)
    if (found < 0) return false
    at = found + piece.length
  }
  return at <= end
}
