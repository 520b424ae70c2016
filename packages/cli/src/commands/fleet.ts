// `muster fleet`: fleets, their counts, their policy, and how they looked before.

import type { FleetAtView, FleetView } from '@muster/core/api.ts'
import type { FleetSwitch } from '@muster/core/api-client.ts'
import type { Command } from 'commander'
import {
  type PolicyOptions,
  parseInstant,
  parsePolicy,
  parseSwitch,
  requireChange,
} from '../arguments.ts'
import { type Context, openSession, pageNote } from '../context.ts'
import { examples, times } from '../help.ts'
import {
  addHistoryOptions,
  addListOptions,
  addPolicyOptions,
  type HistoryOptions,
  historyQuery,
  type ListOptions,
  pageQuery,
  parsedBy,
} from '../options.ts'
import {
  fleetAtCard,
  fleetCard,
  fleetLine,
  fleetMark,
  fleetSwitchLine,
  fleetTable,
} from '../view/fleet.ts'
import { fleetHistoryTable } from '../view/history.ts'
import { addWatchOption, type WatchOptions, watchView } from '../watching.ts'

export function addFleetCommands(program: Command, context: Context) {
  const fleet = program
    .command('fleet')
    .summary('fleets: list, show, create, edit, look back')
    .description('A fleet is a named set of devices with one policy. Fleets are named by slug.')
  addList(fleet, context)
  addShow(fleet, context)
  addCreate(fleet, context)
  addEdit(fleet, context)
  addSwitch(
    fleet,
    context,
    'freeze',
    'Freeze every device of a fleet: containers run on, while actions and new target state are refused.',
  )
  addSwitch(fleet, context, 'thaw', 'Thaw the devices of a fleet that an administrator froze.')
  addHistory(fleet, context)
  addAt(fleet, context)
  addDelete(fleet, context)
}

const watchedFleets = {
  items: (fleets: readonly FleetView[]) => fleets,
  key: ({ slug }: FleetView) => slug,
  mark: fleetMark,
  line: fleetLine,
}

function addList(fleet: Command, context: Context) {
  const list = addListOptions(addWatchOption(fleet.command('list')), fleetTable)
    .description('List fleets with how many devices have each status.')
    .option('--query <beginning>', 'only those whose name begins so')
    .action(async (options: ListOptions & WatchOptions & { query?: string }, command: Command) => {
      const session = await openSession(context, command)
      const { api, printList } = session
      const asked = { ...pageQuery(options), q: options.query }
      if (options.watch)
        await watchView(context, session, {
          ...watchedFleets,
          load: async () => (await api.fleets.page(asked)).items,
          render: fleetTable,
        })
      await printList(api.fleets.pages(asked), options.all, fleetTable)
    })
  examples(
    list,
    ['muster fleet list', 'all fleets and their counts'],
    ['muster fleet list --watch', 'the same, kept live'],
    ["muster fleet list --json | jq '.items[].statusCounts'", 'the counts for a program'],
  )
}

function addShow(fleet: Command, context: Context) {
  const show = addWatchOption(fleet.command('show'))
    .description('Show a fleet: its counts by status and its policy.')
    .argument('<fleet>', 'its slug')
    .action(async (slug: string, options: WatchOptions, command: Command) => {
      const session = await openSession(context, command)
      const { api, print } = session
      if (options.watch)
        await watchView(context, session, {
          ...watchedFleets,
          load: async () => [await api.fleets.read(slug)],
          render: ([view], look) => fleetCard(view!, look),
          query: { fleet: slug },
        })
      print(await api.fleets.read(slug), fleetCard)
    })
  examples(show, ['muster fleet show garden', 'its counts and its policy'])
}

type CreateOptions = PolicyOptions & { slug?: string; paid?: true }

function addCreate(fleet: Command, context: Context) {
  const create = addPolicyOptions(
    fleet
      .command('create')
      .description('Create a fleet. Limits that are not given have their defaults.')
      .argument('<name>', 'its name')
      .option('--slug <slug>', 'its short name in commands and addresses; default: from the name')
      .option('--paid', 'of a paid type'),
  ).action(async (name: string, options: CreateOptions, command: Command) => {
    const { api, print } = await openSession(context, command)
    const { slug, paid } = options
    const body = { name, slug, paidType: paid, policy: parsePolicy(options) }
    print(await api.fleets.create(body), fleetCard)
  })
  examples(
    create,
    ['muster fleet create Garden', 'with the default policy'],
    [
      'muster fleet create "Field sensors" --slug field --heartbeat-interval 15m --cloudlink off',
      'heard four times an hour, without cloudlink',
    ],
  )
}

type EditOptions = PolicyOptions & { name?: string; paid?: boolean }

function addEdit(fleet: Command, context: Context) {
  const edit = addPolicyOptions(
    fleet
      .command('edit')
      .description(
        'Change a fleet. Only what is given changes; "inherit" takes a limit back to its default.',
      )
      .argument('<fleet>', 'its slug')
      .option('--name <name>', 'its name')
      .option('--paid <switch>', 'on or off: whether it is of a paid type', parsedBy(parseSwitch)),
  ).action(async (slug: string, options: EditOptions, command: Command) => {
    const policy = parsePolicy(options)
    const change = requireChange(
      {
        name: options.name,
        paidType: options.paid,
        policy: Object.keys(policy).length > 0 ? policy : undefined,
      },
      '--name, --paid or a limit of the policy',
    )
    const { api, print } = await openSession(context, command)
    print(await api.fleets.edit(slug, change), fleetCard)
  })
  examples(
    edit,
    ['muster fleet edit garden --heartbeat-interval 5m', 'devices are heard every 5 minutes'],
    ['muster fleet edit garden --heartbeat-grace inherit', 'takes the default grace again'],
  )
}

function addSwitch(fleet: Command, context: Context, to: FleetSwitch, description: string) {
  const command = fleet
    .command(to)
    .description(description)
    .argument('<fleet>', 'its slug')
    .action(async (slug: string, _options, command: Command) => {
      const { api, print } = await openSession(context, command)
      print(await api.fleets.switch(slug, to), (view, look) => fleetSwitchLine(view, to, look))
    })
  examples(command, [`muster fleet ${to} garden`, `${to}s the fleet garden`])
}

function addHistory(fleet: Command, context: Context) {
  const history = addHistoryOptions(fleet.command('history'), fleetHistoryTable)
    .description(`Show the transitions of every device of a fleet, newest first.\n\n${times}`)
    .argument('<fleet>', 'its slug')
    .action(async (slug: string, options: HistoryOptions, command: Command) => {
      const { api, printList, look } = await openSession(context, command)
      const pages = api.fleets.history(slug, historyQuery(options, look().now))
      await printList(pages, options.all, fleetHistoryTable)
    })
  examples(
    history,
    ['muster fleet history garden --from 03:00 --to 04:00', 'what happened in that hour?'],
    ['muster fleet history garden --from 7d --all --json', 'a week for a program'],
  )
}

function addAt(fleet: Command, context: Context) {
  const at = addListOptions(fleet.command('at'))
    .description(`Show a fleet as it was at one time.\n\n${times}`)
    .argument('<fleet>', 'its slug')
    .argument('<time>', 'the time')
    .action(async (slug: string, time: string, options: ListOptions, command: Command) => {
      const { api, look, print, note } = await openSession(context, command)
      const at = parseInstant(time, look().now, 'back')
      let whole: FleetAtView | undefined
      for await (const page of api.fleets.at(slug, { ...pageQuery(options), time: String(at) })) {
        if (!whole) whole = page
        else whole.items.push(...page.items)
        whole.nextCursor = page.nextCursor
        if (!options.all) break
      }
      if (!whole) return
      print(whole, fleetAtCard)
      if (whole.nextCursor !== null) note(pageNote(whole.items.length, whole))
    })
  examples(
    at,
    ['muster fleet at garden 14:05', 'today, or yesterday where 14:05 is still to come'],
    ['muster fleet at garden 2026-01-31T14:05Z', 'at an exact instant'],
    ['muster fleet at garden 2h', 'two hours ago'],
  )
}

function addDelete(fleet: Command, context: Context) {
  const remove = fleet
    .command('delete')
    .description('Delete a fleet. It must have no devices.')
    .argument('<fleet>', 'its slug')
    .option('--yes', 'do not ask')
    .action(async (slug: string, options: { yes?: true }, command: Command) => {
      const { api, confirm, note } = await openSession(context, command)
      await confirm(
        `Delete fleet ${slug}, with its history and its provisioning keys?`,
        options.yes,
      )
      await api.fleets.delete(slug)
      note(`Fleet ${slug} is deleted.`)
    })
  examples(remove, ['muster fleet delete garden --yes', 'without being asked'])
}
