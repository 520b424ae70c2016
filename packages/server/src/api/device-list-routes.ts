// The list of devices: what was asked in several ways (a filter, a fleet, statuses, a tag, a search)
// becomes one question to the store.

import type { DeviceQuery } from '@muster/core/api.ts'
import { DeviceQuery as DeviceQuerySchema } from '@muster/core/api.ts'
import { columnNames, columnOf, sortOf } from '@muster/core/device-columns.ts'
import { allOf, type Filter, type Value } from '@muster/core/device-filter.ts'
import { parseFilter } from '@muster/core/device-filter-parser.ts'
import { DevicePage } from '@muster/core/device-list-api.ts'
import { Refusal } from '@muster/core/errors.ts'
import { isStatus, type Status, statusWords } from '@muster/core/statuses.ts'
import { admitFleet } from './admission.ts'
import { readCursor, type Shape, writeCursor } from './cursor.ts'
import { type Api, type ApiDeps, principalOf } from './door.ts'
import type { DeviceFilter, Visible } from './ports.ts'
import { deviceViewOf } from './view.ts'

/** Chapter, value of the sort, id; then how many were looked at until here. */
const shape: Shape = ['number', 'any', 'number', 'number']

export function registerDeviceList(api: Api, deps: ApiDeps): void {
  const { queries, presence, clock } = deps
  api.get(
    '/devices',
    {
      config: { right: 'devices-read' },
      schema: {
        tags: ['devices'],
        summary: 'Devices, filtered, searched and sorted',
        querystring: DeviceQuerySchema,
        response: { 200: DevicePage },
        refuses: ['invalid-filter', 'sort-too-wide'],
      },
    },
    async (request) => {
      const { limit = 50, cursor, ...asked } = request.query
      const fleet = asked.fleet && (await admitFleet(deps, request, asked.fleet))
      const now = clock.now()
      const filter = filterOf(principalOf(request).visible, asked, now)
      if (fleet) filter.fleetId = fleet.id
      const place = readCursor(cursor, asked, shape)
      const after = place?.slice(0, -1) ?? null
      const { rows, next, total, scanned } = await queries.loadDevicePage(filter, { limit, after })
      const count = Math.min(scanned.of, scanned.count + Number(place?.at(-1) ?? 0))
      return {
        items: rows.map((row) => deviceViewOf(row, presence.gaps, now)),
        nextCursor: writeCursor(next && [...next, count], asked),
        ...(total === null ? { scanned: { count, of: scanned.of } } : { total }),
      }
    },
  )
}

type Asked = Omit<DeviceQuery, 'limit' | 'cursor'>

function filterOf(
  visible: Visible,
  { status, q, tag, filter, sort = 'name' }: Asked,
  now: number,
): DeviceFilter {
  checkSort(sort)
  const where = allOf([
    ...(filter?.trim() ? partsOf(parseFilter(filter)) : []),
    ...(tag ? [taggedWith(tag)] : []),
  ])
  return {
    visible,
    sort,
    ...(status ? { statuses: statusesOf(status) } : {}),
    ...(q ? { q } : {}),
    ...(where ? { where: { filter: where, now } } : {}),
  }
}

function partsOf(filter: Filter): readonly Filter[] {
  return filter.kind === 'and' ? filter.of : [filter]
}

/** Refuses with `invalid-request`. */
export function checkSort(sort: string): void {
  if (sortOf(sort)) return
  const sortable = columnNames.filter((name) => columnOf(name)?.sort)
  throw new Refusal(
    'invalid-request',
    `sort: ${sort} is none of ${sortable.join(', ')} or tag.<key>, with or without - before it`,
  )
}

function statusesOf(list: string): Status[] {
  const statuses = [...new Set(list.split(','))]
  const unknown = statuses.filter((word) => !isStatus(word))
  if (unknown.length > 0)
    throw new Refusal(
      'invalid-request',
      `status: ${unknown.join(', ')} is none of ${statusWords.join(', ')}`,
    )
  return statuses as Status[]
}

function taggedWith(text: string): Filter {
  const [key, ...rest] = text.split('=')
  const column = `tag.${key}`
  if (!columnOf(column)) throw new Refusal('invalid-request', 'tag: the key is missing or too long')
  if (rest.length === 0) return { kind: 'exists', column }
  const value: Value = { kind: 'text', text: rest.join('=') }
  return { kind: 'compare', column, operator: '=', value }
}
