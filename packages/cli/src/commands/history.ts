// `muster history`: the log as a file, and how long it is kept; and what is derived from it under the
// nouns that it is about: `fleet diff`, `fleet uptime`, `device uptime`.

import { Refusal } from '@muster/core/errors.ts'
import type { ByteStream } from '@muster/core/event-stream.ts'
import { maxFleetChangesHours } from '@muster/core/fleet-changes-api.ts'
import { type DifferenceView, timelineSteps, type UptimePage } from '@muster/core/history-api.ts'
import { type Command, Option } from 'commander'
import { parseCount, parseDuration, parsePeriod } from '../arguments.ts'
import { type Context, openSession, pageNote } from '../context.ts'
import { openFile, textOf, type Writable, writeText } from '../copying.ts'
import { findDevice } from '../find-device.ts'
import { deviceWord, examples, times } from '../help.ts'
import { addListOptions, type ListOptions, pageQuery, parsedBy } from '../options.ts'
import {
  deviceUptimeCard,
  differenceCard,
  fleetChangesTable,
  fleetUptimeCard,
  limitsText,
  timelineTable,
  uptimeTable,
} from '../view/uptime.ts'

type PeriodOptions = { from?: string; to?: string }

function addPeriodOptions(command: Command): Command {
  return command
    .option('--from <time>', 'the beginning (default: a day before the end)')
    .option('--to <time>', 'the end (default: now)')
}

function periodQuery(options: PeriodOptions, now: number) {
  const { from, to } = parsePeriod(options, now)
  return { from: from?.toString(), to: to?.toString() }
}

export function addHistoryCommands(program: Command, context: Context) {
  const history = program
    .command('history')
    .summary('the history: export it, say how long it is kept')
    .description(
      'Every transition of every device is kept for a while. `muster fleet history` and `muster device history` list them.',
    )
  addExport(history, context)
  addKeep(history, context)
  const noun = (name: string) => program.commands.find((command) => command.name() === name)!
  addDifference(noun('fleet'), context)
  addTimeline(noun('fleet'), context)
  addFleetChanges(noun('fleet'), context)
  addFleetUptime(noun('fleet'), context)
  addDeviceUptime(noun('device'), context)
}

type ExportOptions = PeriodOptions & {
  device?: string
  format?: 'csv' | 'ndjson'
  output?: string
  after?: string
}

function addExport(history: Command, context: Context) {
  const command = history
    .command('export')
    .option('--from <time>', 'transitions at or after this time (default: all that is kept)')
    .option('--to <time>', 'transitions before this time (default: now)')
    .description(
      `Write the transitions of a fleet, or of a device, as CSV or NDJSON, oldest first.\n\n${times}`,
    )
    .argument('[fleet]', 'the slug of the fleet')
    .option('--device <device>', `of this device: ${deviceWord}`)
    .addOption(new Option('--format <format>', 'default: csv').choices(['csv', 'ndjson']))
    .option('--output <file>', 'write into this file; with --after, at its end')
    .option(
      '--after <row>',
      'go on after this row: its instant and its id, such as 1767225600000-42',
    )
    .action(async (fleet: string | undefined, options: ExportOptions, command: Command) => {
      const { api, look, note, progress: openProgress } = await openSession(context, command)
      const { device, format, output, after } = options
      if ((fleet === undefined) === (device === undefined))
        command.error('error: name a fleet, or a device with --device')
      const of = fleet === undefined ? { device: (await findDevice(api, device!)).uuid } : { fleet }
      const period = periodQuery(options, look().now)
      const body = await api.history.export(of, { ...period, format, after })
      const file = output === undefined ? null : await openFile(output, after ? 'a' : 'w')
      const rows = createLastRow()
      // On standard output the rows themselves are what moves on a terminal.
      using progress = file || !context.stdout.isTTY ? openProgress('Export') : null
      try {
        // A file that goes on has its line of names already.
        await copy(body, file ?? context.stdout, rows, {
          withoutFirstLine: after !== undefined && format !== 'ndjson',
          onRows: (count) => progress?.update(count, null, 'transitions'),
        })
      } catch (error) {
        if (rows.last) note(`It was cut off; go on with --after ${rows.last}`)
        throw error
      } finally {
        if (file) await new Promise((resolve) => file.end(resolve))
      }
    })
  examples(
    command,
    ['muster history export garden --from 30d --output garden.csv', 'a month for a spreadsheet'],
    [
      'muster history export --device quiet-river --format ndjson',
      'all that is kept, for a program',
    ],
  )
}

/** Counts rows, and remembers the last whole one, after which an export that was cut off goes on. */
function createLastRow() {
  let tail = ''
  return {
    last: '',
    count: 0,
    take(text: string) {
      const lines = (tail + text).split('\n')
      tail = lines.pop()!
      this.count += lines.length
      const line = lines.at(-1) ?? ''
      const [, id, at] =
        /^(\d+),(\d+),/.exec(line) ?? /^\{"id":(\d+),.*?"at":(\d+)/.exec(line) ?? []
      if (id) this.last = `${at}-${id}`
    },
  }
}

async function copy(
  body: ByteStream,
  output: Writable,
  rows: ReturnType<typeof createLastRow>,
  { withoutFirstLine, onRows }: { withoutFirstLine: boolean; onRows(count: number): void },
): Promise<void> {
  let skipping = withoutFirstLine
  for await (const piece of textOf(body)) {
    let text = piece
    if (skipping) {
      const end = text.indexOf('\n')
      text = end < 0 ? '' : text.slice(end + 1)
      skipping = end < 0
    }
    rows.take(text)
    onRows(rows.count)
    await writeText(output, text)
  }
}

function addKeep(history: Command, context: Context) {
  const command = history
    .command('keep')
    .description(
      'Show for how many days the history is kept, or change it. What is older is deleted and does not come back.',
    )
    .option('--days <count>', 'keep it for so many days, 1 to 3650', parsedBy(parseCount))
    .option('--yes', 'do not ask')
    .action(async ({ days, yes }: { days?: number; yes?: true }, command: Command) => {
      const { api, print, confirm } = await openSession(context, command)
      const { keptDays } = await api.history.limits()
      if (days === undefined) return print(await api.history.limits(), limitsText)
      if (days < keptDays) await confirm(`Delete what is older than ${days} days, for good?`, yes)
      print(await api.history.keepFor(days), limitsText)
    })
  examples(
    command,
    ['muster history keep', 'how long, and from when on it is there'],
    ['muster history keep --days 365', 'a year from now on'],
  )
}

function addDifference(fleet: Command, context: Context) {
  const command = addListOptions(addPeriodOptions(fleet.command('diff')))
    .description(
      `Show what differs in a fleet between two moments: its counts, and the devices that have another status, came or left.\n\n${times}`,
    )
    .argument('<fleet>', 'its slug')
    .action(async (slug: string, options: ListOptions & PeriodOptions, command: Command) => {
      const { api, look, print, note } = await openSession(context, command)
      const query = { ...pageQuery(options), ...periodQuery(options, look().now) }
      let whole: DifferenceView | undefined
      for await (const page of api.history.difference(slug, query)) {
        if (!whole) whole = page
        else whole.items.push(...page.items)
        whole.nextCursor = page.nextCursor
        if (!options.all) break
      }
      if (!whole) return
      print(whole, differenceCard)
      if (whole.nextCursor !== null) note(pageNote(whole.items.length, whole))
    })
  examples(
    command,
    ['muster fleet diff garden --from 2h', 'what has changed in two hours?'],
    ['muster fleet diff garden --from 22:00 --to 06:00', 'what did the night do?'],
  )
}

function addTimeline(fleet: Command, context: Context) {
  const command = addPeriodOptions(fleet.command('timeline'))
    .description(
      `Show how many devices of a fleet had which status, from moment to moment. A moment at which the server did not listen says so.\n\n${times}`,
    )
    .argument('<fleet>', 'its slug')
    .option('--step <duration>', 'from moment to moment: 1m, 5m, 15m, 1h, 6h or 1d', parsedStep)
    .action(async (slug: string, options: PeriodOptions & { step?: Step }, command: Command) => {
      const { api, look, print } = await openSession(context, command)
      const query = { ...periodQuery(options, look().now), stepMs: options.step }
      print(await api.history.timeline(slug, query), timelineTable)
    })
  examples(
    command,
    ['muster fleet timeline garden --from 12h --step 1h', 'hour by hour through the night'],
    ['muster fleet timeline garden --from 7d --step 6h --json', 'a week, for a chart'],
  )
}

function addFleetChanges(fleet: Command, context: Context) {
  const command = fleet
    .command('changes')
    .description(
      'Show what has changed lately in every fleet: how many more devices, or fewer, have each status since a full hour.',
    )
    .option(
      '--hours <count>',
      `so many full hours, and what there is of this one; up to ${maxFleetChangesHours} (default: 1)`,
      parsedBy(parseCount),
    )
    .action(async ({ hours }: { hours?: number }, command: Command) => {
      const { api, print } = await openSession(context, command)
      print(await api.history.fleetChanges({ hours }), fleetChangesTable)
    })
  examples(
    command,
    ['muster fleet changes', 'in which fleet did something happen within the last hour?'],
    ['muster fleet changes --hours 12 --json', 'what did the night do, in all fleets?'],
  )
}

type Step = (typeof timelineSteps)[number]

const parsedStep = parsedBy((text: string): Step => {
  const step = timelineSteps.find((one) => one === parseDuration(text))
  if (step) return step
  throw new Refusal('wrong-usage', `${text} is none of 1m, 5m, 15m, 1h, 6h or 1d`)
})

type FleetUptimeOptions = PeriodOptions & { worst?: number; devices?: true }

function addFleetUptime(fleet: Command, context: Context) {
  const command = addPeriodOptions(fleet.command('uptime'))
    .description(
      `Show how long the devices of a fleet had which status, all together, and the least available of them. Times in which the server did not listen count for nobody.\n\n${times}`,
    )
    .argument('<fleet>', 'its slug')
    .option(
      '--worst <count>',
      'how many of the least available (default: 10)',
      parsedBy(parseCount),
    )
    .option('--devices', 'each of its devices, however many')
    .action(async (slug: string, options: FleetUptimeOptions, command: Command) => {
      const { api, look, print, printList } = await openSession(context, command)
      const period = periodQuery(options, look().now)
      if (!options.devices)
        return print(
          await api.history.fleetUptime(slug, { ...period, worst: options.worst }),
          fleetUptimeCard,
        )
      const pages: AsyncIterable<UptimePage> = api.history.uptimePages(slug, {
        ...period,
        limit: 500,
      })
      await printList(pages, true, uptimeTable)
    })
  examples(
    command,
    ['muster fleet uptime garden --from 30d', 'the last month'],
    ['muster fleet uptime garden --from 30d --devices --json', 'device by device, for a program'],
  )
}

function addDeviceUptime(device: Command, context: Context) {
  const command = addPeriodOptions(device.command('uptime'))
    .description(
      `Show how long a device had which status and state of its channels, and its outages. Times in which the server did not listen do not count.\n\n${times}`,
    )
    .argument('<device>', deviceWord)
    .action(async (word: string, options: PeriodOptions, command: Command) => {
      const { api, look, print } = await openSession(context, command)
      const { uuid } = await findDevice(api, word)
      print(
        await api.history.deviceUptime(uuid, periodQuery(options, look().now)),
        deviceUptimeCard,
      )
    })
  examples(command, ['muster device uptime quiet-river --from 7d', 'the last week'])
}
