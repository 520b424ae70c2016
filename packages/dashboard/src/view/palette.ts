// What the command palette offers for what was typed: pages, fleets, devices, and actions on devices
// ("reboot gate-1"). Pure: the server searches devices, here is decided what is asked of it and in which
// order all of it stands. A title that begins with the text comes before one with a word that does, and
// that before one that only contains it; within the same rank pages come first, then fleets.

import { type ActionKind, actionKindNames, actionKinds } from '@muster/core/actions.ts'
import type { DeviceView, FleetView } from '@muster/core/api.ts'
import type { Status } from '@muster/core/statuses.ts'
import { filterOf, orderFleets } from './fleets.ts'

export type PageEntry = { kind: 'page'; title: string; href: string }
export type DeviceAction = { action: ActionKind; uuid: string; name: string }
export type Entry =
  | PageEntry
  | { kind: 'fleet'; title: string; slug: string; href: string }
  | { kind: 'device'; title: string; fleet: string; status: Status; href: string }
  | ({ kind: 'action'; title: string; fleet: string } & DeviceAction)
  /** Chosen, it becomes the text, to which the name of a device is added. */
  | { kind: 'begun'; title: string; text: string }

export type Offered = {
  text: string
  pages: readonly PageEntry[]
  fleets: readonly FleetView[]
  /** What the server found for `soughtIn(text)`. */
  devices: readonly DeviceView[]
}

const maxFleets = 6
export const maxDevices = 8
/** Fewer letters begin too many words to mean an action. */
const minActionLetters = 3

/** What needs no more than a device. */
const offeredActions = actionKindNames.filter((kind) => actionKinds[kind].takes === null)

/** The actions that the text begins with, and the rest of it, which is sought among devices. */
export function readAction(text: string): { actions: ActionKind[]; rest: string } {
  const typed = text.trimStart().toLowerCase()
  for (const action of offeredActions)
    for (const name of [actionKinds[action].title.toLowerCase(), action])
      if (typed.startsWith(`${name} `))
        return { actions: [action], rest: typed.slice(name.length).trim() }
  const [, word = '', rest = ''] = /^(\S*)\s*(.*)$/s.exec(typed) ?? []
  if (word.length < minActionLetters) return { actions: [], rest: '' }
  const actions = offeredActions.filter((action) =>
    [actionKinds[action].title.toLowerCase(), action].some((name) => name.startsWith(word)),
  )
  return { actions, rest: actions.length > 0 ? rest.trim() : '' }
}

/** What is to be searched among devices; empty: nothing. */
export const soughtIn = (text: string): string => readAction(text).rest || text.trim()

export function offer({ text, pages, fleets, devices }: Offered): Entry[] {
  const places = [...pages, ...orderFleets(fleets, { q: '', sort: 'trouble' }).map(entryOfFleet)]
  const { actions, rest } = readAction(text)
  if (rest !== '')
    return [
      ...devices.flatMap((device) => actions.map((action) => actionEntryOf(device, action))),
      ...ranked(places, text),
    ]
  const begun = actions.map((action): Entry => {
    const { title } = actionKinds[action]
    return { kind: 'begun', title: `${title}…`, text: `${title} ` }
  })
  return [...ranked(places, text), ...begun, ...devices.map(entryOfDevice)]
}

function ranked<E extends Entry>(entries: readonly E[], text: string): E[] {
  const ranks = new Map(entries.map((entry) => [entry, rankOf(entry, text)]))
  const fitting = entries
    .filter((entry) => ranks.get(entry)! > 0)
    .sort((a, b) => ranks.get(b)! - ranks.get(a)!)
  const fleets = fitting.filter(({ kind }) => kind === 'fleet').slice(0, maxFleets)
  return fitting.filter((entry) => entry.kind !== 'fleet' || fleets.includes(entry))
}

/** 3: its title begins with the text; 2: a word of it does; 1: it contains it; 0: it does not fit. */
function rankOf(entry: Entry, text: string): number {
  const sought = text.trim().toLowerCase()
  const title = `${entry.title}${entry.kind === 'fleet' ? ` ${entry.slug}` : ''}`.toLowerCase()
  if (title.startsWith(sought)) return 3
  if (title.split(/[^\p{L}\p{N}]+/u).some((word) => word.startsWith(sought))) return 2
  return title.includes(sought) ? 1 : 0
}

const entryOfFleet = ({ name, slug }: FleetView): Entry => ({
  kind: 'fleet',
  title: name,
  slug,
  href: `/devices?filter=${encodeURIComponent(filterOf(slug))}`,
})

const entryOfDevice = ({ name, uuid, fleet, status }: DeviceView): Entry => ({
  kind: 'device',
  title: name,
  fleet,
  status: status.status,
  href: `/devices/${uuid}`,
})

const actionEntryOf = ({ name, uuid, fleet }: DeviceView, action: ActionKind): Entry => ({
  kind: 'action',
  title: `${actionKinds[action].title}: ${name}`,
  action,
  uuid,
  name,
  fleet,
})
