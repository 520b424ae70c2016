// What there is of each kind of value: the word in <…> of an argument or option chooses the source.
// What only the server knows is asked for at most a second and then remembered, so that a Tab is
// quick, and never hangs where the server is away: what was known before is better than nothing.

import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { type ApiClient, createApiClient } from '@muster/core/api-client.ts'
import { quoted } from '@muster/core/device-filter.ts'
import { statuses } from '@muster/core/statuses.ts'
import type { Context } from '../context.ts'
import { profilePath, readProfiles, type Target } from '../profiles.ts'
import { topics } from '../topics.ts'
import { printable } from '../view/text.ts'
import type { Candidate } from './complete.ts'

type Ask = (api: ApiClient, typed: string) => Promise<Candidate[]>

/** Asked of the server; a colleague of <fleet> is one line. */
const asked: Record<string, Ask> = {
  device: deviceCandidates,
  devices: deviceCandidates,
  fleet: async ({ fleets }, typed) =>
    (await fleets.page({ q: typed, limit: 100 })).items.map(({ slug, name, deviceCount }) => ({
      value: slug,
      note: `${name}, ${deviceCount} devices`,
    })),
  'to-fleet': (api, typed) => asked.fleet!(api, typed),
  view: async ({ deviceViews }) => {
    const { items } = await firstOf(deviceViews.pages({ limit: 100 }))
    return items.map(({ slug, name }) => ({ value: slug, note: name }))
  },
  member: async ({ members }) =>
    (await members.page({ limit: 100 })).items.map(({ email, role }) => ({
      value: email,
      note: role ?? 'on single fleets',
    })),
  invitation: async ({ invitations }) =>
    (await invitations.page({ limit: 100 })).items.map(({ email, role }) => ({
      value: email,
      note: role ?? 'on single fleets',
    })),
  token: async ({ tokens }) =>
    (await tokens.list()).items.map(({ id, name }) => ({ value: String(id), note: name })),
  operation: async ({ bulk }) =>
    (await firstOf(bulk.pages({ limit: 50 }))).items.map(({ id, kind, state, by }) => ({
      value: id,
      note: `${kind}, ${state}, by ${by}`,
    })),
  recording: async ({ recordings }) =>
    (await firstOf(recordings.pages({ limit: 100 }))).items.map(({ id, device, user }) => ({
      value: String(id),
      note: `${user} at ${device}`,
    })),
  organization: async ({ organizations }) =>
    (await organizations.own()).items.map(({ slug, name }) => ({ value: slug, note: name })),
}

async function firstOf<P>(pages: AsyncIterable<P>): Promise<P> {
  for await (const page of pages) return page
  throw new Error('a list has a first page')
}

async function deviceCandidates({ devices }: ApiClient, typed: string): Promise<Candidate[]> {
  const beginning = quoted(typed)
  const filter = typed ? `name begins ${beginning} or uuid begins ${beginning}` : undefined
  const { items } = await devices.page({ filter, sort: 'name', limit: 50 })
  return items.map(({ name, shortUuid, fleet, status }) => {
    const about = `${statuses[status.status]?.title ?? status.status}, fleet ${fleet}`
    const isUuid = typed !== '' && !name.startsWith(typed) && shortUuid.startsWith(typed)
    return isUuid
      ? { value: shortUuid, note: `${name}, ${about}` }
      : { value: name, note: `${shortUuid}, ${about}` }
  })
}

/** Known here, without a server. */
async function localCandidates(of: string, context: Context): Promise<Candidate[] | undefined> {
  if (of === 'status' || of === 'statuses')
    return Object.entries(statuses).map(([value, { title }]) => ({ value, note: title }))
  if (of === 'profile') {
    const { profiles } = await readProfiles(profilePath(context.env))
    return Object.entries(profiles).map(([value, { server }]) => ({ value, note: server }))
  }
  if (of === 'words')
    return Object.entries(topics).map(([value, { summary }]) => ({ value, note: summary }))
  return undefined
}

/** How long an answer of the server is taken as it is, in ms. */
const freshMs = 60_000
/** How long a Tab waits for the server where something is remembered, and where nothing is. */
const patienceMs = { known: 150, unknown: 1_000 }
/** A server that was away is not asked again so soon. */
const awayMs = 10_000

export async function loadCandidates(
  context: Context,
  target: () => Promise<Target>,
  of: string,
  typed: string,
): Promise<Candidate[]> {
  const local = await localCandidates(of, context)
  if (local) return local
  const ask = Object.hasOwn(asked, of) ? asked[of] : undefined
  if (!ask) return []
  const { server, token, organization } = await target()
  // Of whom the memory is; the token itself is nowhere in it.
  const owner = createHash('sha256').update(`${server} ${token} ${organization}`).digest('hex')
  const memory = await openMemory(context, owner.slice(0, 16))
  const name = `${of === 'devices' ? 'device' : of} ${typed}`
  const before = memory.recall(name)
  const now = context.clock.now()
  if (before && now - before.at < (before.isAway ? awayMs : freshMs)) return before.candidates
  const timeoutMs = before?.candidates.length ? patienceMs.known : patienceMs.unknown
  const { fetch, clock } = context
  const api = createApiClient({ server, token, organization, fetch, clock, timeoutMs })
  try {
    const candidates = printable(await ask(api, typed))
    await memory.remember(name, { at: now, isAway: false, candidates })
    return candidates
  } catch {
    const candidates = before?.candidates ?? []
    await memory.remember(name, { at: now, isAway: true, candidates })
    return candidates
  }
}

type Memory = Record<string, Remembered>
type Remembered = { at: number; isAway: boolean; candidates: Candidate[] }
const keptCount = 100

async function openMemory({ env }: Context, owner: string) {
  const folder = env.XDG_CACHE_HOME || join(env.HOME || homedir(), '.cache')
  const path = join(folder, 'muster', `completion-${owner}.json`)
  let memory: Memory = {}
  try {
    memory = JSON.parse(await readFile(path, 'utf8')) as Memory
  } catch {
    // There is none yet, or it is broken: it is made anew.
  }
  return {
    recall: (name: string): Remembered | undefined =>
      Object.hasOwn(memory, name) ? memory[name] : undefined,
    async remember(name: string, answer: Remembered): Promise<void> {
      const newest = Object.entries({ ...memory, [name]: answer })
        .sort(([, a], [, b]) => b.at - a.at)
        .slice(0, keptCount)
      const written = `${path}.${process.pid}`
      try {
        await mkdir(dirname(path), { recursive: true, mode: 0o700 })
        await writeFile(written, JSON.stringify(Object.fromEntries(newest)), { mode: 0o600 })
        await rename(written, path)
      } catch {
        // Without a place to remember, each Tab asks.
      }
    },
  }
}
