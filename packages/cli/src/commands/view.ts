// `muster view`: saved views of the list of devices.

import type { DeviceListView } from '@muster/core/device-list-api.ts'
import type { Command } from 'commander'
import { type Context, openSession } from '../context.ts'
import { examples } from '../help.ts'
import { addListOptions, type ListOptions, pageQuery } from '../options.ts'
import { viewTable } from '../view/saved-views.ts'
import { addFindOptions, type FindOptions } from './device-list.ts'

export function addViewCommands(program: Command, context: Context) {
  const view = program
    .command('view')
    .summary('saved views of the list of devices')
    .description(
      'A view is a filter, a search and an order with a name. It is yours; shared, everybody in the organization sees it. Use it with `muster device list --view`.',
    )
  addList(view, context)
  addSave(view, context)
  addDelete(view, context)
}

function addList(view: Command, context: Context) {
  const list = addListOptions(
    view.command('list').description('List your views and those that others share.'),
    viewTable,
  ).action(async (options: ListOptions, command: Command) => {
    const { api, printList } = await openSession(context, command)
    await printList(api.deviceViews.pages(pageQuery(options)), options.all, viewTable)
  })
  examples(list, ['muster view list', 'which views are there?'])
}

type SaveOptions = FindOptions & { share?: boolean }

function addSave(view: Command, context: Context) {
  const save = addFindOptions(
    view
      .command('save')
      .description('Save a view; a view of yours with this name is replaced.')
      .argument('<name>', 'its name'),
  )
    .option('--share', 'everybody in the organization sees it')
    .action(async (name: string, options: SaveOptions, command: Command) => {
      const { api, print } = await openSession(context, command)
      const { filter = '', query: q = '', sort = 'name', share: shared = false } = options
      const about = { filter, q, sort, shared }
      const own = await findOwn(api.deviceViews.pages(), name)
      const saved = own
        ? await api.deviceViews.edit(own.slug, about)
        : await api.deviceViews.create({ name, ...about })
      print(saved, ({ slug }) => `Saved. Use it: muster device list --view ${slug}`)
    })
  examples(
    save,
    [
      `muster view save "Lost in the north" --filter 'status = disconnected and tag.site = "north"'`,
      'saves it as lost-in-the-north',
    ],
    ['muster view save "Silent longest" --filter "lastContact < -7d" --share', 'for everybody'],
  )
}

async function findOwn(
  pages: AsyncIterable<{ items: DeviceListView[] }>,
  name: string,
): Promise<DeviceListView | null> {
  for await (const { items } of pages) {
    const found = items.find((one) => one.own && one.name === name)
    if (found) return found
  }
  return null
}

function addDelete(view: Command, context: Context) {
  const remove = view
    .command('delete')
    .description('Delete a view of yours.')
    .argument('<view>', 'its slug')
    .option('--yes', 'do not ask')
    .action(async (slug: string, options: { yes?: true }, command: Command) => {
      const { api, confirm, note } = await openSession(context, command)
      const { name, own, owner } = await api.deviceViews.read(slug)
      if (!own) note(`It belongs to ${owner}.`)
      await confirm(`Delete the view "${name}"?`, options.yes)
      await api.deviceViews.delete(slug)
      note(`The view ${slug} is deleted.`)
    })
  examples(remove, ['muster view delete lost-in-the-north --yes', 'without being asked'])
}
