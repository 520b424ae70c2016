// `muster action`: what is asked of devices, and how it went.

import {
  type ActionKind,
  actionKindNames,
  actionStateNames,
  isActionKind,
} from '@muster/core/actions.ts'
import type { DeviceView } from '@muster/core/api.ts'
import type { ApiClient } from '@muster/core/api-client.ts'
import { Refusal } from '@muster/core/errors.ts'
import { type Command, Option } from 'commander'
import { parseDuration } from '../arguments.ts'
import { type Context, openSession } from '../context.ts'
import { findDevice } from '../find-device.ts'
import { deviceWord, examples } from '../help.ts'
import {
  addListOptions,
  addTableOptions,
  type ListOptions,
  pageQuery,
  parsedBy,
} from '../options.ts'
import { runOn } from '../running.ts'
import { actionCard, actionLine, actionTable, availableTable } from '../view/action.ts'

export function addActionCommands(program: Command, context: Context) {
  const action = program
    .command('action')
    .summary('what devices are asked to do')
    .description(
      'An action travels over cloudlink at once, or with the next heartbeat; it expires if neither comes. A device does each once, and its success is proved.',
    )
  addRun(action, context)
  addList(action, context)
  addShow(action, context)
  addAvailable(action, context)
  addCancel(action, context)
}

type RunOptions = {
  service?: string
  filter?: string
  fleet?: string
  expires?: number
  wait?: true
  yes?: true
}

function addRun(action: Command, context: Context) {
  const run = action
    .command('run')
    .description(
      'Ask devices for an action. What loses something, or takes a device away, asks first.',
    )
    .argument('<kind>', `one of ${actionKindNames.join(', ')}`, parsedBy(parseKind))
    .argument('[devices...]', `the devices, each by ${deviceWord}`)
    .option('--service <name>', 'the service, where the action is about one')
    .option('--filter <filter>', 'all devices that match')
    .option('--fleet <fleet>', 'all devices of this fleet, or of those that match')
    .option('--expires <duration>', 'how long it may wait (default: 1h)', parsedBy(parseDuration))
    .option('--wait', 'until it has ended; fails unless all have succeeded')
    .option('--yes', 'do not ask')
    .action(async (kind: ActionKind, words: string[], options: RunOptions, command: Command) => {
      const session = await openSession(context, command)
      const devices = await chooseDevices(session.api, words, options)
      const { expires: expiresInMs, service, wait, yes } = options
      await runOn(session, context.clock, devices, { kind, service, expiresInMs, wait, yes })
    })
  examples(
    run,
    ['muster action run identify quiet-river', 'which of them is it?'],
    ['muster action run reboot quiet-river north-gate --yes', 'two devices'],
    [
      'muster action run check-updates --fleet garden --expires 15m',
      'a fleet, within a quarter of an hour',
    ],
  )
}

function parseKind(word: string): ActionKind {
  if (isActionKind(word)) return word
  throw new Refusal('wrong-usage', `"${word}" is none of ${actionKindNames.join(', ')}`)
}

async function chooseDevices(
  api: ApiClient,
  words: readonly string[],
  { filter, fleet }: RunOptions,
): Promise<DeviceView[]> {
  const isQuery = filter !== undefined || fleet !== undefined
  if (isQuery === words.length > 0)
    throw new Refusal('wrong-usage', 'name devices, or choose them with --filter or --fleet')
  if (!isQuery) return Promise.all(words.map((word) => findDevice(api, word)))
  const found: DeviceView[] = []
  for await (const { items } of api.devices.pages({ filter, fleet, limit: 500 }))
    found.push(...items)
  if (found.length === 0) throw new Refusal('device-not-found', 'none matches')
  return found
}

type ListActionsOptions = ListOptions & {
  fleet?: string
  device?: string
  state?: string
  kind?: ActionKind
}

function addList(action: Command, context: Context) {
  const list = addListOptions(
    action
      .command('list')
      .description('List actions, the newest first.')
      .option('--fleet <fleet>', 'of the devices of this fleet')
      .option('--device <device>', 'of this device')
      .option('--state <states>', `of ${actionStateNames.join(', ')}; joined by commas`)
      .addOption(new Option('--kind <kind>', 'of this kind').choices(actionKindNames)),
    actionTable,
  ).action(async ({ device, ...options }: ListActionsOptions, command: Command) => {
    const { api, printList } = await openSession(context, command)
    const { fleet, state, kind } = options
    const query = { ...pageQuery(options), state, kind }
    const pages = device
      ? api.actions.ofDevice((await findDevice(api, device)).uuid, query)
      : api.actions.pages({ ...query, fleet })
    await printList(pages, options.all, actionTable)
  })
  examples(
    list,
    ['muster action list --state queued,sent,running', 'what is not done yet?'],
    ['muster action list --device quiet-river', 'what was asked of it?'],
  )
}

function addShow(action: Command, context: Context) {
  const show = action
    .command('show')
    .description('Show one action: how it stands, what it lived through, and what proves it.')
    .argument('<action>', 'its id')
    .action(async (id: string, _options, command: Command) => {
      const { api, print } = await openSession(context, command)
      print(await api.actions.read(id), actionCard)
    })
  examples(show, ['muster action show "$ACTION"', 'how did it go?'])
}

function addAvailable(action: Command, context: Context) {
  const available = addTableOptions(
    action
      .command('available')
      .description('Say which actions work now, when they would arrive, and what to do if not.')
      .argument('<device>', deviceWord),
    (items, look) => availableTable({ items: [...items] as never }, look),
  ).action(async (word: string, _options, command: Command) => {
    const { api, print } = await openSession(context, command)
    const { uuid } = await findDevice(api, word)
    print(await api.actions.available(uuid), availableTable)
  })
  examples(available, ['muster action available quiet-river', 'why can it not be rebooted?'])
}

function addCancel(action: Command, context: Context) {
  const cancel = action
    .command('cancel')
    .description('Take an action back that the device has not begun.')
    .argument('<action>', 'its id')
    .action(async (id: string, _options, command: Command) => {
      const { api, print } = await openSession(context, command)
      print(await api.actions.cancel(id), actionLine)
    })
  examples(cancel, ['muster action cancel "$ACTION"', 'before it is too late'])
}
