// Saved views of the list of devices: one's own, and those that others share. A view is checked when it is
// saved; one that a later version cannot use any more is still listed, and says why, so that somebody
// can mend it. Columns are never checked: they belong to whoever shows them.

import { Nothing, Page } from '@muster/core/api.ts'
import { parseFilter } from '@muster/core/device-filter-parser.ts'
import {
  DeviceListView,
  DeviceListViewChange,
  DeviceListViewCreate,
} from '@muster/core/device-list-api.ts'
import { Refusal } from '@muster/core/errors.ts'
import type { FastifyRequest } from 'fastify'
import { Type as T } from 'typebox'
import { slugOf } from '../registry/fleets.ts'
import { readCursor, writeCursor } from './cursor.ts'
import { checkSort } from './device-list-routes.ts'
import { type Api, type ApiDeps, principalOf } from './door.ts'
import type { SavedView, SavedViewRow } from './ports.ts'

const tags = ['device views']
const Params = T.Object({ view: T.String({ maxLength: 64, description: 'The slug of the view.' }) })
const Query = T.Object(
  {
    limit: T.Optional(T.Integer({ minimum: 1, maximum: 500, default: 50 })),
    cursor: T.Optional(T.String({ maxLength: 500 })),
  },
  { additionalProperties: false },
)
const read = { right: 'devices-read' } as const
const write = { right: 'views-write' } as const

export function registerDeviceViews(api: Api, deps: ApiDeps): void {
  registerViewReads(api, deps)
  registerViewWrites(api, deps)
}

function registerViewReads(api: Api, { views }: ApiDeps): void {
  api.get(
    '/device-views',
    {
      config: read,
      schema: {
        tags,
        summary: 'Your saved views of the list of devices, and those that others share',
        querystring: Query,
        response: { 200: Page(DeviceListView) },
      },
    },
    async (request) => {
      const { limit = 50, cursor } = request.query
      const after = readCursor(cursor, 'device-views', ['number'])
      const { rows, next } = await views.loadViews(principalOf(request), { limit, after })
      return {
        items: rows.map((row) => savedViewOf(row, request)),
        nextCursor: writeCursor(next, 'device-views'),
      }
    },
  )
  api.get(
    '/device-views/:view',
    {
      config: read,
      schema: {
        tags,
        summary: 'One saved view; your own comes before one that is shared',
        params: Params,
        response: { 200: DeviceListView },
        refuses: ['view-not-found'],
      },
    },
    async (request) => savedViewOf(await findView(views, request), request),
  )
}

function registerViewWrites(api: Api, { views, clock }: ApiDeps): void {
  api.post(
    '/device-views',
    {
      config: write,
      schema: {
        tags,
        summary: 'Save a view',
        body: DeviceListViewCreate,
        response: { 201: DeviceListView },
        refuses: ['view-slug-taken', 'invalid-filter'],
      },
    },
    async (request, reply) => {
      const { name, slug = slugOf(name), ...rest } = request.body
      const empty = { filter: '', q: '', sort: 'name', columns: [], shared: false }
      const view: SavedView = { ...empty, ...rest, name, slug }
      checkView(view)
      await views.insertView(principalOf(request), view, clock.now())
      const saved = await findView(views, request, slug)
      return reply.code(201).send(savedViewOf(saved, request))
    },
  )
  api.patch(
    '/device-views/:view',
    {
      config: write,
      schema: {
        tags,
        summary: 'Change a view of yours; administrators may change those that others share',
        params: Params,
        body: DeviceListViewChange,
        response: { 200: DeviceListView },
        refuses: ['view-not-found', 'invalid-filter', 'forbidden'],
      },
    },
    async (request) => {
      const view = await findOwnView(views, request)
      checkView({ ...view, ...request.body })
      await views.changeView(view.id, request.body, clock.now())
      return savedViewOf({ ...view, ...request.body, changedAt: clock.now() }, request)
    },
  )
  api.delete(
    '/device-views/:view',
    {
      config: write,
      schema: {
        tags,
        summary: 'Delete a view of yours; administrators may delete those that others share',
        params: Params,
        response: { 204: Nothing },
        refuses: ['view-not-found', 'forbidden'],
      },
    },
    async (request, reply) => {
      await views.deleteView((await findOwnView(views, request)).id)
      return reply.code(204).send()
    },
  )
}

type Named = FastifyRequest<{ Params: { view: string } }>

async function findView(
  views: ApiDeps['views'],
  request: FastifyRequest,
  slug = (request as Named).params.view,
): Promise<SavedViewRow> {
  const view = await views.findView(principalOf(request), slug)
  if (!view) throw new Refusal('view-not-found')
  return view
}

async function findOwnView(views: ApiDeps['views'], request: FastifyRequest) {
  const view = await findView(views, request)
  const { userId, role } = principalOf(request)
  if (view.userId !== userId && role !== 'administrator')
    throw new Refusal('forbidden', 'the view belongs to somebody else')
  return view
}

/** Refuses with `invalid-filter` or `invalid-request`. */
function checkView({ filter, sort }: Pick<SavedView, 'filter' | 'sort'>): void {
  if (filter.trim() !== '') parseFilter(filter)
  checkSort(sort)
}

function savedViewOf(view: SavedViewRow, request: FastifyRequest): DeviceListView {
  const { id: _, userId, columns, ...rest } = view
  const own = userId === principalOf(request).userId
  return { ...rest, columns: [...columns], own, mistake: mistakeOf(view) }
}

function mistakeOf(view: SavedView): string | null {
  try {
    checkView(view)
    return null
  } catch (error) {
    if (error instanceof Refusal) return error.detail ?? error.message
    throw error
  }
}
