// `muster device url`: one port of a device, shown under a host name of its own. The device stands
// before the verb, since that is how one thinks of it: this device, and then what of its URL.

import {
  type DeviceUrlAccess,
  type DeviceUrlView,
  deviceUrlAccess,
} from '@muster/core/device-url-api.ts'
import { Refusal } from '@muster/core/errors.ts'
import { Argument, type Command, Option } from 'commander'
import { parseCount } from '../arguments.ts'
import { type Context, openSession } from '../context.ts'
import { findDevice } from '../find-device.ts'
import { deviceWord, examples } from '../help.ts'
import { parsedBy } from '../options.ts'

const usualPort = 80

type UrlOptions = { port?: number; access?: DeviceUrlAccess }

export function addDeviceUrlCommand(program: Command, context: Context) {
  const device = program.commands.find((command) => command.name() === 'device')!
  const url = device
    .command('url')
    .summary('the URL of a device: show it, switch it on or off')
    .description(
      'Show the URL under which a program on a device is reached by browsers, or switch it on or off. The agent must allow the port: see --stream-targets of muster-agent.',
    )
    .argument('<device>', deviceWord)
    .addArgument(
      new Argument('[verb]', 'what to do (default: show)').choices(['show', 'enable', 'disable']),
    )
    .option(
      '--port <port>',
      `on which the program listens there (default: as it is, else ${usualPort})`,
      parsedBy(parseCount),
    )
    .addOption(
      new Option('--access <who>', 'who gets in (default: as it is, else members)').choices(
        Object.keys(deviceUrlAccess),
      ),
    )
    .action(
      async (
        word: string,
        verb: 'show' | 'enable' | 'disable' | undefined,
        options: UrlOptions,
        command: Command,
      ) => {
        if (verb !== 'enable' && (options.port !== undefined || options.access))
          throw new Refusal('wrong-usage', '--port and --access go with enable')
        const { api, print, note } = await openSession(context, command)
        const { uuid, name } = await findDevice(api, word)
        if (verb === 'disable') {
          await api.deviceUrl.disable(uuid)
          return note(`${name} has no URL any more; whoever was let in is out.`)
        }
        const before = await api.deviceUrl.read(uuid)
        const port = options.port ?? before.port ?? usualPort
        const access = options.access ?? before.access ?? 'members'
        const view = verb === 'enable' ? await api.deviceUrl.enable(uuid, { port, access }) : before
        print(view, (shown) => deviceUrlLine(shown))
      },
    )
  examples(
    url,
    ['muster device url quiet-river', 'has it a URL, and who gets in?'],
    ['muster device url quiet-river enable --port 8080', 'for members who may open streams'],
    ['muster device url quiet-river enable --access public', 'for everybody who knows the address'],
    ['muster device url quiet-river disable', 'nobody gets in from now on'],
  )
}

function deviceUrlLine({ enabled, address, port, access }: DeviceUrlView): string {
  if (!enabled || port === null || access === null)
    return address === null
      ? 'It has no URL, and this server has no domain for one.'
      : 'It has no URL.'
  const where = address ?? 'This server has no domain for it any more'
  return `${where}: port ${port}, for ${access === 'public' ? 'everybody' : 'members'}.`
}
