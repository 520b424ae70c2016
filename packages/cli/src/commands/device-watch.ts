// `muster device watch`: the live stream as lines. For one device or one fleet it starts at the
// newest transition known when it begins, so that an interruption before the first event loses
// nothing either; it resumes by itself. Several devices are picked out of the stream of the organization here: a device that
// moves to another fleet stays in sight, and one connection is enough.

import type { ApiClient, DeviceStreamEvent, StreamEvent } from '@muster/core/api-client.ts'
import { Refusal } from '@muster/core/errors.ts'
import { type Command, Option } from 'commander'
import { type Context, openSession, type Session } from '../context.ts'
import { Stopped } from '../failure.ts'
import { findDevice } from '../find-device.ts'
import { deviceWord, examples } from '../help.ts'
import { interruptedExit } from '../terminal.ts'
import { deviceLine } from '../view/device.ts'
import { fleetLine } from '../view/fleet.ts'
import { eventLine, interruptedText } from '../view/history.ts'
import { printable } from '../view/text.ts'

type WatchOptions = { fleet?: string }

export function addWatch(device: Command, context: Context) {
  const watch = device
    .command('watch')
    .description(
      'Follow devices live until Ctrl-C: every transition with its reasons, progress, and changes of their registration. It resumes by itself and misses no transition. With --json it prints one event a line.',
    )
    .argument('[devices...]', `the devices, each by ${deviceWord}; default: all`)
    .addOption(new Option('--fleet <fleet>', 'every device of this fleet'))
    .action(async (words: string[], { fleet }: WatchOptions, command: Command) => {
      if (fleet && words.length > 0)
        throw new Refusal('wrong-usage', 'give devices or --fleet, not both')
      const session = await openSession(context, command)
      await followDevices(context, session, words, fleet)
      throw new Stopped(interruptedExit)
    })
  examples(
    watch,
    ['muster device watch', 'everything that happens'],
    ['muster device watch quiet-river 1f6c2a9', 'two devices'],
    ['muster device watch --fleet garden --json | jq -c .data', 'a fleet, for a program'],
  )
}

async function followDevices(
  { stdout, interrupted }: Context,
  session: Session,
  words: readonly string[],
  fleet: string | undefined,
) {
  const { api, json, look, note } = session
  const devices = await Promise.all(words.map((word) => findDevice(api, word)))
  const uuids = new Set(devices.map(({ uuid }) => uuid))
  const names = new Map(devices.map(({ uuid, name }) => [uuid, name]))
  const device = uuids.size === 1 ? devices[0]!.uuid : undefined
  const after = await newestTransition(api, device, fleet)
  if (!json) await showPresent(session, uuids, fleet)
  let opened = false
  for await (const said of api.stream({ fleet, device, after }, interrupted())) {
    if (said.event === 'opened') {
      if (opened) note('Following again.')
      opened = true
    } else if (said.event === 'interrupted') {
      if (!opened) throw said.refusal
      note(interruptedText(said.resumeInMs, printable(said.refusal.message)))
    } else if (isOfDevice(said) && (uuids.size === 0 || uuids.has(said.data.uuid))) {
      if (said.event === 'transition') names.set(said.data.uuid, said.data.name)
      const nameOf = (uuid: string) => printable(names.get(uuid) ?? uuid.slice(0, 7))
      const line = json ? JSON.stringify(said) : eventLine(printable(said), nameOf, look())
      stdout.write(`${line}\n`)
    }
  }
}

function isOfDevice(said: StreamEvent): said is DeviceStreamEvent {
  return said.event === 'transition' || said.event === 'progress' || said.event === 'device'
}

/** Where to start in the log of one device or one fleet; 0 where it has no transition yet. */
async function newestTransition(api: ApiClient, device?: string, fleet?: string) {
  if (!device && !fleet) return undefined
  const query = { limit: 1 }
  const pages = device ? api.devices.history(device, query) : api.fleets.history(fleet!, query)
  for await (const { items } of pages) return items[0]?.id ?? 0
  return 0
}

/** How things are now; read after the position, so that nothing falls between the two. */
async function showPresent({ api, print }: Session, uuids: Set<string>, fleet?: string) {
  for (const uuid of uuids) print(await api.devices.read(uuid), deviceLine)
  if (fleet) print(await api.fleets.read(fleet), fleetLine)
}
