// `muster device`: what each device is, why, and how it was; and the life of its registration.

import type { DeviceSwitch } from '@muster/core/api-client.ts'
import type { Command } from 'commander'
import { type PolicyOptions, parseDuration, parsePolicy, parseTags } from '../arguments.ts'
import { type Context, openSession } from '../context.ts'
import { findDevice } from '../find-device.ts'
import { deviceWord, examples, times } from '../help.ts'
import {
  addHistoryOptions,
  addPolicyOptions,
  type HistoryOptions,
  historyQuery,
  parsedBy,
} from '../options.ts'
import { renderRows } from '../view/card.ts'
import { deviceCard, deviceLine, devicePolicyRows } from '../view/device.ts'
import { deviceHistoryTable } from '../view/history.ts'
import { momentText } from '../view/time.ts'
import { addWatchOption, type WatchOptions, watchView } from '../watching.ts'
import { addDeviceHealth } from './device-health.ts'
import { addDeviceList, watchedDevices } from './device-list.ts'
import { addWatch } from './device-watch.ts'

export function addDeviceCommands(program: Command, context: Context) {
  const device = program
    .command('device')
    .summary('devices: list, show, watch, and the life of their registration')
    .description(`A device is one machine in the field. A device is named by ${deviceWord}.`)
  addDeviceList(device, context)
  addShow(device, context)
  addHistory(device, context)
  addDeviceHealth(device, context)
  addWatch(device, context)
  addPreregister(device, context)
  addSwitch(device, context, 'activate', 'Count a device as active before its next contact.')
  addDeactivate(device, context)
  addSwitch(
    device,
    context,
    'freeze',
    'Freeze a device: its containers run on, while actions and new target state are refused.',
  )
  addSwitch(device, context, 'thaw', 'Thaw a device that an administrator froze.')
  addRename(device, context)
  addMove(device, context)
  addTag(device, context)
  addNote(device, context)
  addKey(device, context)
  addPolicy(device, context)
  addDelete(device, context)
}

function addShow(device: Command, context: Context) {
  const show = addWatchOption(device.command('show'))
    .description(
      'Show the status of a device, since when, why, what happens next and what to do; then its channels, what it reported, its tags and its policy.',
    )
    .argument('<device>', deviceWord)
    .action(async (word: string, options: WatchOptions, command: Command) => {
      const session = await openSession(context, command)
      const { api, print } = session
      const found = await findDevice(api, word)
      if (options.watch)
        await watchView(context, session, {
          ...watchedDevices,
          load: async () => [await api.devices.read(found.uuid)],
          render: ([device], look) => deviceCard(device!, look),
          query: { device: found.uuid },
        })
      print(found, deviceCard)
    })
  examples(
    show,
    ['muster device show quiet-river', 'by name'],
    ['muster device show 1f6c2a9', 'by the beginning of its uuid'],
    ['muster device show quiet-river --json | jq -r .status.status', 'its status word alone'],
  )
}

function addHistory(device: Command, context: Context) {
  const history = addHistoryOptions(device.command('history'), deviceHistoryTable)
    .description(`Show the transitions of a device, newest first.\n\n${times}`)
    .argument('<device>', deviceWord)
    .action(async (word: string, options: HistoryOptions, command: Command) => {
      const { api, printList, look } = await openSession(context, command)
      const { uuid } = await findDevice(api, word)
      const pages = api.devices.history(uuid, historyQuery(options, look().now))
      await printList(pages, options.all, deviceHistoryTable)
    })
  examples(
    history,
    ['muster device history quiet-river', 'its latest transitions'],
    ['muster device history quiet-river --from 2026-01-31 --to 2026-02-01', 'of one day'],
  )
}

type PreregisterOptions = { uuid?: string; name?: string; type?: string; tag?: string[] }

function addPreregister(device: Command, context: Context) {
  const preregister = device
    .command('preregister')
    .description(
      'Make a device known before it is built: it gets a uuid and a key of its own, and is Inactive until its first contact. The key is shown this once.',
    )
    .argument('<fleet>', 'the slug of its fleet')
    .option('--uuid <uuid>', 'its uuid of 32 hex digits; default: a new one')
    .option('--name <name>', 'its name; default: two friendly words')
    .option('--type <type>', 'its device type')
    .option('--tag <key=value...>', 'tags to set')
    .action(async (fleet: string, options: PreregisterOptions, command: Command) => {
      const { api, print, note } = await openSession(context, command)
      const { uuid, name, type, tag } = options
      const tags = tag && (parseTags(tag) as Record<string, string>)
      const body = { fleet, uuid, name, deviceType: type, tags }
      print(await api.devices.preregister(body), ({ device, key }, look) =>
        renderRows(
          [
            ['name', device.name],
            ['uuid', device.uuid],
            ['key', key],
          ],
          look,
        ).join('\n'),
      )
      note('Keep the key now: it is not shown again.')
    })
  examples(
    preregister,
    ['muster device preregister garden', 'a new uuid, a generated name'],
    ['muster device preregister garden --name gate --tag floor=0 site=north', 'with name and tags'],
  )
}

function addSwitch(device: Command, context: Context, to: DeviceSwitch, description: string) {
  const command = device
    .command(to)
    .description(description)
    .argument('<device>', deviceWord)
    .action(async (word: string, _options, command: Command) => {
      const { api, print } = await openSession(context, command)
      const { uuid } = await findDevice(api, word)
      print(await api.devices.switch(uuid, to), deviceLine)
    })
  examples(command, [`muster device ${to} quiet-river`, `${to}s the device quiet-river`])
}

function addDeactivate(device: Command, context: Context) {
  const deactivate = device
    .command('deactivate')
    .description(
      'Deactivate a device that is out of use: it no longer counts against the allowance. A device in contact cannot be deactivated, and its next contact makes it active again.',
    )
    .argument('<device>', deviceWord)
    .option('--yes', 'do not ask')
    .action(async (word: string, options: { yes?: true }, command: Command) => {
      const { api, print, confirm } = await openSession(context, command)
      const { uuid, name, shortUuid, fleet } = await findDevice(api, word)
      await confirm(`Deactivate ${name} (${shortUuid}) in fleet ${fleet}?`, options.yes)
      print(await api.devices.switch(uuid, 'deactivate'), deviceLine)
    })
  examples(deactivate, ['muster device deactivate quiet-river --yes', 'without being asked'])
}

function addRename(device: Command, context: Context) {
  const rename = device
    .command('rename')
    .description('Give a device another name.')
    .argument('<device>', deviceWord)
    .argument('<name>', 'its new name')
    .action(async (word: string, name: string, _options, command: Command) => {
      const { api, print } = await openSession(context, command)
      const { uuid } = await findDevice(api, word)
      print(await api.devices.edit(uuid, { name }), deviceLine)
    })
  examples(rename, ['muster device rename quiet-river pump-7', 'it is called pump-7 now'])
}

function addMove(device: Command, context: Context) {
  const move = device
    .command('move')
    .description('Move a device to another fleet, whose policy and target release it takes.')
    .argument('<device>', deviceWord)
    .argument('<fleet>', 'the slug of the fleet to move to')
    .action(async (word: string, fleet: string, _options, command: Command) => {
      const { api, print } = await openSession(context, command)
      const { uuid } = await findDevice(api, word)
      print(await api.devices.edit(uuid, { fleet }), deviceLine)
    })
  examples(move, ['muster device move quiet-river orchard', 'it belongs to orchard now'])
}

function addTag(device: Command, context: Context) {
  const tag = device
    .command('tag')
    .description('Set and remove tags of a device; without any, show its tags.')
    .argument('<device>', deviceWord)
    .argument('[tags...]', 'tags to set, each key=value')
    .option('--remove <keys...>', 'tags to remove')
    .action(
      async (word: string, words: string[], options: { remove?: string[] }, command: Command) => {
        const tags = parseTags(words, options.remove)
        const { api, print, note } = await openSession(context, command)
        const found = await findDevice(api, word)
        const isChange = Object.keys(tags).length > 0
        const shown = isChange ? await api.devices.edit(found.uuid, { tags }) : found
        if (Object.keys(shown.tags).length === 0) note(`${shown.name} has no tags.`)
        print(shown, (view) =>
          Object.entries(view.tags)
            .map(([key, value]) => `${key}=${value}`)
            .join('\n'),
        )
      },
    )
  examples(
    tag,
    ['muster device tag quiet-river floor=2 site=north', 'sets two tags; others stay'],
    ['muster device tag quiet-river --remove floor', 'removes one'],
  )
}

function addNote(device: Command, context: Context) {
  const note = device
    .command('note')
    .description('Note something about a device for everybody; without a text, show what is noted.')
    .argument('<device>', deviceWord)
    .argument('[text]', 'what to note, in place of what was noted before')
    .option('--remove', 'take the note away')
    .action(
      async (
        word: string,
        text: string | undefined,
        { remove }: { remove?: boolean },
        command: Command,
      ) => {
        const session = await openSession(context, command)
        const found = await findDevice(session.api, word)
        const written = remove ? null : text
        const shown =
          written === undefined
            ? found
            : await session.api.devices.edit(found.uuid, { note: written })
        if (shown.note === null) session.note(`Nothing is noted about ${shown.name}.`)
        session.print(shown, (view) => view.note ?? '')
      },
    )
  examples(
    note,
    ['muster device note quiet-river', 'what is noted about it?'],
    ['muster device note quiet-river "Key of the cabinet: porter’s lodge"', 'for everybody to see'],
    ['muster device note quiet-river --remove', 'nothing is noted any more'],
  )
}

function addKey(device: Command, context: Context) {
  const key = device
    .command('key')
    .description(
      'Create a new key for a device, shown this once. The keys before it stay valid for a while, so that the device can be told in time.',
    )
    .argument('<device>', deviceWord)
    .option(
      '--overlap <duration>',
      'how long the keys before it stay valid; 0s ends them at once (default: 1d)',
      parsedBy(parseDuration),
    )
    .action(async (word: string, options: { overlap?: number }, command: Command) => {
      const { api, print, note, look } = await openSession(context, command)
      const { uuid, name } = await findDevice(api, word)
      const created = await api.devices.createKey(uuid, { overlapMs: options.overlap })
      print(created, ({ key }) => key)
      const until = momentText(created.previousValidUntil, look())
      note(`Keep it now: it is not shown again. Keys of ${name} before it end ${until}.`)
    })
  examples(
    key,
    ['muster device key quiet-river', 'rotates its key within a day'],
    ['muster device key quiet-river --overlap 0s', 'its key was stolen: ends the old ones now'],
  )
}

function addPolicy(device: Command, context: Context) {
  const policy = addPolicyOptions(
    device
      .command('policy')
      .description(
        'Show the policy in force for a device and where each limit comes from, or set limits of its own; "inherit" takes one back.',
      )
      .argument('<device>', deviceWord),
  ).action(async (word: string, options: PolicyOptions, command: Command) => {
    const change = parsePolicy(options)
    const { api, print } = await openSession(context, command)
    const found = await findDevice(api, word)
    const isChange = Object.keys(change).length > 0
    const shown = isChange ? await api.devices.edit(found.uuid, { policy: change }) : found
    print(shown, (view, look) => renderRows(devicePolicyRows(view), look).join('\n'))
  })
  examples(
    policy,
    ['muster device policy quiet-river', 'which limits hold, and why'],
    ['muster device policy quiet-river --heartbeat-interval 15m --cloudlink off', 'saves data'],
    ['muster device policy quiet-river --cloudlink inherit', 'as its fleet has it'],
  )
}

function addDelete(device: Command, context: Context) {
  const remove = device
    .command('delete')
    .description(
      'Delete a device: its registration, its keys and its history. Its agent is refused from then on.',
    )
    .argument('<device>', deviceWord)
    .option('--yes', 'do not ask')
    .action(async (word: string, options: { yes?: true }, command: Command) => {
      const { api, confirm, note } = await openSession(context, command)
      const { uuid, name, shortUuid, fleet } = await findDevice(api, word)
      await confirm(
        `Delete ${name} (${shortUuid}) in fleet ${fleet}, with its keys and its history?`,
        options.yes,
      )
      await api.devices.delete(uuid)
      note(`${name} (${shortUuid}) is deleted.`)
    })
  examples(remove, ['muster device delete quiet-river --yes', 'without being asked'])
}
