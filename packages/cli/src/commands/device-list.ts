// `muster device list`: filtered, searched, sorted, or as a saved view has it. A server looks at so many
// devices for one page and no more; here pages that came out short are joined until one is full.

import type { DeviceQuery, DeviceView, PageOf } from '@muster/core/api.ts'
import type { ApiClient } from '@muster/core/api-client.ts'
import { columnNames, columnOf, sortOf } from '@muster/core/device-columns.ts'
import { parseFilter } from '@muster/core/device-filter-parser.ts'
import { isStatus, statusWords } from '@muster/core/statuses.ts'
import { type Command, InvalidArgumentError } from 'commander'
import { type Context, openSession } from '../context.ts'
import { examples } from '../help.ts'
import { addListOptions, type ListOptions, pageQuery, parsedBy } from '../options.ts'
import { deviceLine, deviceMark, deviceTable } from '../view/device.ts'
import type { Look } from '../view/text.ts'
import { addWatchOption, type WatchOptions, watchView } from '../watching.ts'

/** How a device that is watched is told from others, and told in a line. */
export const watchedDevices = {
  items: (devices: readonly DeviceView[]) => devices,
  key: ({ uuid }: DeviceView) => uuid,
  mark: deviceMark,
  line: deviceLine,
}

/** What a list and a saved view have in common. */
export type FindOptions = { filter?: string; query?: string; sort?: string }

export function addFindOptions(command: Command): Command {
  return command
    .option(
      '--filter <filter>',
      'only those of which this holds; see docs/reference/filters.md',
      parsedBy(checkedFilter),
    )
    .option(
      '--query <text>',
      'only those with this in their name, a tag or their address, or whose uuid begins so',
    )
    .option('--sort <column>', 'the order; - before it turns it round', parsedBy(checkedSort))
}

function checkedFilter(text: string): string {
  parseFilter(text)
  return text
}

function checkedSort(text: string): string {
  if (sortOf(text)) return text
  const sortable = columnNames.filter((name) => columnOf(name)?.sort)
  throw new InvalidArgumentError(`It is none of ${sortable.join(', ')} or tag.<key>.`)
}

type DeviceListOptions = ListOptions &
  WatchOptions &
  FindOptions & { fleet?: string; status?: string; tag?: string; view?: string }

export function addDeviceList(device: Command, context: Context) {
  const list = addListOptions(
    addFindOptions(
      addWatchOption(device.command('list'))
        .description(
          `List devices with their status and why they have it.\n\nStatuses: ${statusWords.join(', ')}.`,
        )
        .option('--fleet <fleet>', 'only those of this fleet')
        .option(
          '--status <statuses>',
          'only those with this status, or one of several a,b',
          parseStatuses,
        ),
    )
      .option('--tag <tag>', 'only those with this tag: key, or key=value')
      .option('--view <view>', 'as this saved view has it; what is said beside it narrows it'),
    deviceTable,
  ).action(async (options: DeviceListOptions, command: Command) => {
    const session = await openSession(context, command)
    const { api, printList } = session
    const asked = await askedBy(api, options)
    const table = (items: readonly DeviceView[], look: Look) =>
      deviceTable(items, look, { fleet: !options.fleet })
    if (options.watch)
      await watchView(context, session, {
        ...watchedDevices,
        load: async () => (await fullPage(api, asked)).items,
        render: table,
        query: { fleet: options.fleet },
      })
    await printList(fullPages(api, asked), options.all, table)
  })
  examples(
    list,
    ['muster device list --fleet garden', 'the devices of one fleet'],
    [
      'muster device list --status disconnected,reduced-functionality --sort -since',
      'what is wrong, the latest first',
    ],
    [
      `muster device list --filter 'tag.site = "north" and lastContact < -7d'`,
      'those at one site that were not heard for a week',
    ],
    ['muster device list --query 10.0.7. --sort address', 'those with such an address'],
    ['muster device list --status disconnected --watch', 'the same, kept live'],
    ['muster device list --columns name,since,why --no-headers', 'for a script'],
    ['muster device list --tag floor=2 --all --json', 'all that match, for a program'],
  )
}

async function askedBy(api: ApiClient, options: DeviceListOptions): Promise<Asked> {
  const { fleet, status, tag, filter, query, sort } = options
  const view = options.view === undefined ? null : await api.deviceViews.read(options.view)
  const filters = [view?.filter, filter].filter((text) => text?.trim())
  return {
    ...pageQuery(options),
    fleet,
    status,
    tag,
    filter: filters.length > 1 ? filters.map((text) => `(${text})`).join(' and ') : filters[0],
    q: query ?? (view?.q || undefined),
    sort: sort ?? view?.sort,
  }
}

type Asked = { [K in keyof DeviceQuery]: DeviceQuery[K] | undefined }

const usualLimit = 50

/** Asks on until the page is full or there is no more. */
async function fullPage({ devices }: ApiClient, asked: Asked): Promise<PageOf<DeviceView>> {
  const limit = asked.limit ?? usualLimit
  const { items, ...first } = await devices.page(asked)
  let rest = first
  while (items.length < limit && rest.nextCursor !== null) {
    const { nextCursor: cursor } = rest
    const { items: more, ...last } = await devices.page({
      ...asked,
      cursor,
      limit: limit - items.length,
    })
    items.push(...more)
    rest = last
  }
  return { items, ...rest }
}

async function* fullPages(api: ApiClient, asked: Asked): AsyncGenerator<PageOf<DeviceView>> {
  let { cursor } = asked
  do {
    const page = await fullPage(api, { ...asked, cursor })
    yield page
    cursor = page.nextCursor ?? undefined
  } while (cursor !== undefined)
}

function parseStatuses(text: string): string {
  const unknown = text.split(',').find((word) => !isStatus(word))
  if (unknown === undefined) return text
  throw new InvalidArgumentError(
    `"${unknown}" is not a status; they are ${statusWords.join(', ')}.`,
  )
}
