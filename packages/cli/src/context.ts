// The world as the commands see it: environment, clock, network, terminal. main.ts gives the real
// one. A session is that world with one server chosen, and the few ways in which commands speak:
// print what the API said, note something beside it, ask before something is lost.

import type { PageOf } from '@muster/core/api.ts'
import { type ApiClient, createApiClient, type Fetch } from '@muster/core/api-client.ts'
import type { Clock } from '@muster/core/clock.ts'
import { exitCodes, Refusal } from '@muster/core/errors.ts'
import type { Command } from 'commander'
import { type Color, hasColour } from './color.ts'
import { Stopped } from './failure.ts'
import { chooseTarget, noProfiles, profilePath, readProfiles, type Target } from './profiles.ts'
import { openProgress, type Progress } from './progress.ts'
import { tellVersions } from './versions.ts'
import { type Look, printable, type TableWishes } from './view/text.ts'

export type Output = {
  write(text: string): unknown
  isTTY?: boolean
  columns?: number
  rows?: number
}

export type Context = {
  version: string
  env: Record<string, string | undefined>
  clock: Clock
  fetch: Fetch
  stdout: Output
  stderr: Output
  /** Takes Ctrl-C and a hang-up from now on: either aborts the signal, and the command ends by itself. */
  interrupted(): AbortSignal
  /** Asks on the terminal; undefined where nobody is there to answer. */
  ask:
    | undefined
    | { line(question: string): Promise<string>; secret(question: string): Promise<string> }
}

/** What every command takes: the options of program.ts, and those of tables. */
export type GlobalOptions = {
  json?: true
  quiet?: true
  color?: Color
  profile?: string
  organization?: string
}

export type Session = {
  api: ApiClient
  target: Target
  json: boolean
  /** How output looks, at this moment. */
  look(): Look
  /** Prints what the API answered: as it is with --json, else as `render` says. */
  print<V>(answer: V, render: (answer: V, look: Look) => string): void
  /** Prints the first page of a list, or with `all` the whole of it. */
  printList<V>(
    pages: AsyncIterable<PageOf<V>>,
    all: boolean | undefined,
    render: (items: V[], look: Look) => string,
  ): Promise<void>
  /** Says something to the person, on standard error, so that standard output stays the answer. */
  note(text: string): void
  /** Shows how far long work has come, on standard error. */
  progress(title: string): Progress
  /** Returns only with a yes, from the option or from the terminal. */
  confirm(question: string, yes: boolean | undefined): Promise<void>
}

export function lookOf(
  output: Output,
  env: Context['env'],
  now: number,
  { color, ...table }: { color?: Color | undefined } & TableWishes = {},
): Look {
  const terminal = output.isTTY === true
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || ''
  return {
    now,
    timeZone: env.TZ || undefined,
    colour: hasColour(color, env, terminal),
    symbols: terminal && /utf-?8/i.test(locale),
    columns: terminal ? output.columns || 80 : Infinity,
    table,
  }
}

export function createClient(
  context: Context,
  server: string,
  token: string | undefined,
  organization?: string,
): ApiClient {
  const { fetch, clock, version } = context
  const userAgent = `muster/${version}`
  return createApiClient({ server, token, organization, fetch, clock, userAgent })
}

export async function openSession(context: Context, command: Command): Promise<Session> {
  const options = command.optsWithGlobals<GlobalOptions & TableWishes>()
  const { json = false, quiet = false, color, columns, wide, headers } = options
  const { env, stdout, stderr } = context
  const target = await loadTarget(env, options)
  const silent = json || quiet
  const note = (text: string) => {
    if (!silent) stderr.write(`${text}\n`)
  }
  const telling = { ...context, fetch: tellVersions(context.fetch, context.version, note) }
  const api = createClient(telling, target.server, target.token, target.organization)
  const look = () => lookOf(stdout, env, api.serverNow(), { color, columns, wide, headers })
  return {
    api,
    target,
    json,
    look,
    note,
    progress: (title) => openProgress(title, silent ? undefined : stderr, context.clock),
    print: (answer, render) =>
      writeLine(stdout, json ? JSON.stringify(answer, null, 2) : render(printable(answer), look())),
    printList: async (pages, all, render) => {
      if (json && all) return printAllAsJson(pages, stdout)
      const { items, rest } = await collect(pages, all)
      if (json) return writeLine(stdout, JSON.stringify(rest, null, 2))
      if (items.length > 0) writeLine(stdout, render(printable(items), look()))
      note(pageNote(items.length, rest))
    },
    confirm: (question, yes) => confirm(context, question, yes),
  }
}

/** Where the environment says everything, no file is needed, nor a folder that could be read. */
export async function loadTarget(
  env: Context['env'],
  { profile, organization }: GlobalOptions,
): Promise<Target> {
  const named = profile || env.MUSTER_PROFILE || undefined
  const isTold = env.MUSTER_SERVER && env.MUSTER_TOKEN && named === undefined
  const file = isTold ? noProfiles : await readProfiles(profilePath(env))
  return chooseTarget(file, named, env, organization)
}

export function writeLine(output: Output, text: string): void {
  output.write(`${text}\n`)
}

async function collect<V>(pages: AsyncIterable<PageOf<V>>, all: boolean | undefined) {
  const items: V[] = []
  let rest: PageOf<V> = { items, nextCursor: null }
  for await (const page of pages) {
    items.push(...page.items)
    rest = page
    if (!all) break
  }
  return { items, rest }
}

/** What to say under a list: how much of it this was, and how to see more. */
export function pageNote(
  count: number,
  { nextCursor, total }: Pick<PageOf<unknown>, 'nextCursor' | 'total'>,
): string {
  if (count === 0) return 'There are none.'
  if (nextCursor === null) return `${count} in all.`
  const of = total === undefined ? 'first' : `of ${total}`
  return `${count} ${of}; --all shows all, --cursor ${nextCursor} the next page.`
}

/** One page that holds everything, written as it arrives: a list may be larger than memory. */
async function printAllAsJson<V>(pages: AsyncIterable<PageOf<V>>, stdout: Output): Promise<void> {
  stdout.write('{"items":[')
  let count = 0
  for await (const { items } of pages)
    for (const item of items) stdout.write(`${count++ === 0 ? '' : ','}\n${JSON.stringify(item)}`)
  stdout.write(`\n],"nextCursor":null,"total":${count}}\n`)
}

export async function confirm(
  { ask, stderr }: Context,
  question: string,
  yes: boolean | undefined,
) {
  if (yes) return
  if (!ask)
    throw new Refusal('wrong-usage', 'this needs a yes, and no terminal is here to ask; add --yes')
  const answer = await ask.line(`${question} [y/N] `)
  if (/^y(es)?$/i.test(answer.trim())) return
  stderr.write('Nothing was changed.\n')
  throw new Stopped(exitCodes.failed)
}
