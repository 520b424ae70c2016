// `muster bulk`: one change to many devices. Each kind of the table in core is a verb; all of them choose
// devices in the same way, and end alike.

import { readFile } from 'node:fs/promises'
import {
  type BulkKind,
  type BulkOrder,
  type BulkOutcome,
  bulkKinds,
  bulkOutcomes,
  hasEnded,
} from '@muster/core/bulk-api.ts'
import { quoted } from '@muster/core/device-filter.ts'
import { Refusal } from '@muster/core/errors.ts'
import { parseNamePattern } from '@muster/core/name-pattern.ts'
import { type Command, Option } from 'commander'
import { parseCount, parseTags } from '../arguments.ts'
import { type Changing, change, follow } from '../changing.ts'
import { type Context, openSession } from '../context.ts'
import { type Finding, findUuids } from '../find-devices.ts'
import { deviceWord, type Example, examples } from '../help.ts'
import { addListOptions, type ListOptions, pageQuery, parsedBy } from '../options.ts'
import { bulkCard, bulkLine, bulkTable, resultTable } from '../view/bulk.ts'

export function addBulkCommands(program: Command, context: Context) {
  const bulk = program
    .command('bulk')
    .summary('one change to many devices')
    .description(
      'One change to many devices, which the server makes in the background. Before it begins, you see what would come of it; it goes on when you leave, and can be aborted; what became of each device is kept for 30 days.',
    )
  addTagging(bulk, context)
  addRename(bulk, context)
  addMove(bulk, context)
  for (const life of lives) addLife(bulk, context, life)
  addList(bulk, context)
  addShow(bulk, context)
  addResults(bulk, context)
  addFollow(bulk, context)
  addAbort(bulk, context)
  addUndo(bulk, context)
}

type ChangeOptions = Changing & {
  device?: string[]
  devicesFrom?: string
  filter?: string
  fleet?: string
  view?: string
  all?: true
}

/** What the verbs have in common: which devices, and how it is begun. */
function addChangeOptions(command: Command): Command {
  return command
    .option('--filter <filter>', 'devices of which this holds; see docs/reference/filters.md')
    .option('--fleet <fleet>', 'devices of this fleet')
    .option('--view <view>', 'devices of this saved view')
    .option('--device <devices...>', `these devices, each by ${deviceWord}`)
    .option('--devices-from <file>', 'devices that a file names, one a line; /dev/stdin is a pipe')
    .addOption(
      new Option('--all', 'every device that you see').conflicts([
        ...['filter', 'fleet', 'view', 'device', 'devicesFrom'],
      ]),
    )
    .option('--dry-run', 'say what would come of it, and change nothing')
    .option('--expect <count>', 'change nothing should more devices be meant', parsedBy(parseCount))
    .option('--yes', 'do not ask')
    .option('--no-wait', 'begin it and leave it running')
}

/** How a verb ends: it asks the server for the change, over the devices that were chosen. */
async function changeChosen(
  context: Context,
  command: Command,
  what: Pick<BulkOrder, 'kind'> & { parameters?: object },
): Promise<void> {
  const options = command.opts<ChangeOptions>()
  const session = await openSession(context, command)
  const chosen = await chosenDevices({ ...session, clock: context.clock }, options)
  const order = { ...what, ...chosen } as BulkOrder
  await change(context, session, order, options)
}

async function chosenDevices(
  { api, clock }: Finding,
  { device = [], devicesFrom, filter, fleet, view, all }: ChangeOptions,
): Promise<Pick<BulkOrder, 'filter' | 'devices'>> {
  const isQuery = filter !== undefined || fleet !== undefined || view !== undefined
  const isNamed = device.length > 0 || devicesFrom !== undefined
  if (all) return { filter: '' }
  if (isQuery === isNamed)
    throw new Refusal(
      'wrong-usage',
      'choose devices with --filter, --fleet or --view; or name them with --device or --devices-from; or say --all',
    )
  if (isNamed) {
    const words = [...device, ...(devicesFrom === undefined ? [] : await readWords(devicesFrom))]
    if (words.length === 0) throw new Refusal('device-not-found', 'none is named')
    return { devices: await findUuids({ api, clock }, words) }
  }
  const saved = view === undefined ? null : await api.deviceViews.read(view)
  if (saved?.q) throw new Refusal('wrong-usage', `the view ${view} is a search; a filter is needed`)
  const of = fleet === undefined ? '' : `fleet = ${quoted(fleet)}`
  const filters = [saved?.filter, of, filter].filter((text) => text?.trim())
  return { filter: filters.map((text) => `(${text})`).join(' and ') }
}

async function readWords(file: string): Promise<string[]> {
  try {
    const lines = (await readFile(file, 'utf8')).split('\n')
    return lines.map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#'))
  } catch (error) {
    throw new Refusal('wrong-usage', `${file} cannot be read: ${(error as Error).message}`)
  }
}

function addTagging(bulk: Command, context: Context) {
  const tag = addChangeOptions(
    bulk
      .command('tag')
      .description('Set tags of many devices; other tags stay.')
      .argument('<tags...>', 'tags to set, each key=value'),
  ).action(async (words: string[], _options, command: Command) => {
    const parameters = { tags: parseTags(words) }
    await changeChosen(context, command, { kind: 'tag', parameters })
  })
  examples(
    tag,
    [`muster bulk tag site=east floor=2 --filter 'tag.floor = "2"' --yes`, 'all that match'],
    ['muster bulk tag site=east --device quiet-river north-gate --yes', 'these two'],
  )
  const untag = addChangeOptions(
    bulk
      .command('untag')
      .description('Remove tags from many devices.')
      .argument('<keys...>', 'the keys of the tags'),
  ).action(async (keys: string[], _options, command: Command) => {
    await changeChosen(context, command, { kind: 'untag', parameters: { keys } })
  })
  examples(untag, ['muster bulk untag floor --fleet garden --yes', 'in a whole fleet'])
}

function addRename(bulk: Command, context: Context) {
  const rename = addChangeOptions(
    bulk
      .command('rename')
      .description(
        'Rename many devices by a pattern.\n\nA pattern is text with {name}, {uuid}, {shortUuid}, {fleet}, {deviceType}, {tag.<key>}, and {n} for the place in the selection; {n:3} is 001, 002, and so on. A device that lacks what the pattern asks for fails, and keeps its name.',
      )
      .argument('<pattern>', 'how they will be called', parsedBy(checkedPattern)),
  ).action(async (pattern: string, _options, command: Command) => {
    await changeChosen(context, command, { kind: 'rename', parameters: { pattern } })
  })
  examples(
    rename,
    [`muster bulk rename '{fleet}-{n:3}' --fleet garden --dry-run`, 'what would they be called?'],
    [`muster bulk rename '{name}-{tag.floor}' --filter 'tag.floor exists' --yes`, 'do it'],
  )
}

function checkedPattern(pattern: string): string {
  parseNamePattern(pattern)
  return pattern
}

function addMove(bulk: Command, context: Context) {
  const move = addChangeOptions(
    bulk
      .command('move')
      .description('Move many devices to another fleet; they take its policy and its target.')
      .argument('<to-fleet>', 'the slug of the fleet that they come to'),
  ).action(async (fleet: string, _options, command: Command) => {
    await changeChosen(context, command, { kind: 'move', parameters: { fleet } })
  })
  examples(move, ['muster bulk move orchard --fleet garden --yes', 'all of a fleet to another'])
}

type Life = { kind: BulkKind; about: string; example: Example }

/** The kinds that are told nothing. */
const lives: readonly Life[] = [
  {
    kind: 'activate',
    about: 'Activate many devices; each counts against the allowance again.',
    example: ['muster bulk activate --device quiet-river north-gate --yes', 'these two'],
  },
  {
    kind: 'deactivate',
    about:
      'Deactivate many devices: no longer counted, until they come back. One that is in contact cannot be deactivated, and is reported.',
    example: ['muster bulk deactivate --filter "lastContact < -90d" --dry-run', 'who would go?'],
  },
  {
    kind: 'freeze',
    about: 'Freeze many devices by hand: their containers run on, and they take no orders.',
    example: ['muster bulk freeze --fleet garden --yes', 'each device of a fleet'],
  },
  {
    kind: 'thaw',
    about: 'Thaw many devices that were frozen by hand.',
    example: ['muster bulk thaw --fleet garden --yes', 'they take orders again'],
  },
  {
    kind: 'delete',
    about:
      'Delete many devices, with their keys and their history. It cannot be undone; of more than ten you are asked how many they are, or say it with --expect.',
    example: ['muster bulk delete --fleet garden --expect 2 --yes', 'should there be more, none'],
  },
]

function addLife(bulk: Command, context: Context, { kind, about, example }: Life) {
  const command = addChangeOptions(bulk.command(kind).description(about)).action(
    async (_options, command: Command) => changeChosen(context, command, { kind }),
  )
  examples(command, example)
}

function addList(bulk: Command, context: Context) {
  const list = addListOptions(
    bulk.command('list').description('List bulk operations of the last 30 days, the newest first.'),
    bulkTable,
  ).action(async (options: ListOptions, command: Command) => {
    const { api, printList } = await openSession(context, command)
    await printList(api.bulk.pages(pageQuery(options)), options.all, bulkTable)
  })
  examples(list, ['muster bulk list', 'which have there been, and how did they end?'])
}

function addShow(bulk: Command, context: Context) {
  const show = bulk
    .command('show')
    .description('Show one bulk operation: what, on which devices, how far, and by whom.')
    .argument('<operation>', 'its id')
    .action(async (id: string, _options, command: Command) => {
      const { api, print } = await openSession(context, command)
      print(await api.bulk.read(id), bulkCard)
    })
  examples(show, ['muster bulk show "$OPERATION"', 'how far is it?'])
}

function addResults(bulk: Command, context: Context) {
  const results = addListOptions(
    bulk
      .command('results')
      .description('List what became of each device, in the order in which they had their turn.')
      .argument('<operation>', 'its id')
      .addOption(new Option('--outcome <outcome>', 'only those').choices(bulkOutcomes)),
    resultTable,
  ).action(async (id: string, options: ResultOptions, command: Command) => {
    const { api, printList } = await openSession(context, command)
    const query = { ...pageQuery(options), outcome: options.outcome }
    await printList(api.bulk.results(id, query), options.all, resultTable)
  })
  examples(results, ['muster bulk results "$OPERATION" --outcome failed', 'who failed, and why?'])
}

type ResultOptions = ListOptions & { outcome?: BulkOutcome }

function addFollow(bulk: Command, context: Context) {
  const command = bulk
    .command('follow')
    .description('Follow a bulk operation to its end, as the command does that began it.')
    .argument('<operation>', 'its id')
    .action(async (id: string, _options, command: Command) => {
      const session = await openSession(context, command)
      await follow(context, session, await session.api.bulk.read(id))
    })
  examples(command, ['muster bulk follow "$OPERATION"', 'ends when it has ended, and as it did'])
}

function addAbort(bulk: Command, context: Context) {
  const abort = bulk
    .command('abort')
    .description(
      'End a bulk operation. Devices that had their turn stay changed, and the others as they are.',
    )
    .argument('<operation>', 'its id')
    .action(async (id: string, _options, command: Command) => {
      const { api, print, note } = await openSession(context, command)
      print(await api.bulk.abort(id), bulkLine)
      note(`What was done: muster bulk results ${id}`)
    })
  examples(abort, ['muster bulk abort "$OPERATION"', 'no other device is changed'])
}

type UndoOptions = Pick<Changing, 'yes' | 'wait'>

function addUndo(bulk: Command, context: Context) {
  const undo = bulk
    .command('undo')
    .description(
      'Make devices again what they were before a bulk operation: tags, names and fleets. A device that was changed since is left as it is, and reported as skipped.',
    )
    .argument('<operation>', 'its id')
    .option('--yes', 'do not ask')
    .option('--no-wait', 'begin it and leave it running')
    .action(async (id: string, options: UndoOptions, command: Command) => {
      const session = await openSession(context, command)
      const { api, confirm } = session
      const { kind, doneCount, state } = await api.bulk.read(id)
      if (!hasEnded(state)) throw new Refusal('bulk-not-undoable', 'it is still under way')
      await confirm(`Undo "${bulkKinds[kind].title}" on ${doneCount} devices?`, options.yes)
      await follow(context, session, await api.bulk.undo(id), options)
    })
  examples(undo, ['muster bulk undo "$OPERATION" --yes', 'what is not as it left it stays'])
}
