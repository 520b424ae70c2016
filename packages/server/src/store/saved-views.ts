// Saved views of the list of devices, over either database. What is private to somebody is left out by
// the statement itself.

import { Refusal } from '@muster/core/errors.ts'
import type { SavedView, SavedViewRow, SavedViews } from '../api/ports.ts'
import type { Database } from './database.ts'
import { isUniqueViolation } from './failures.ts'
import { afterLast } from './pages.ts'

export function createSavedViews({ read, write }: Database): SavedViews {
  const seenBy = ({ organizationId, userId }: { organizationId: number; userId: number }) =>
    read
      .selectFrom('device_views as v')
      .innerJoin('users as u', 'u.id', 'v.user_id')
      .selectAll('v')
      .select('u.email')
      .where('v.organization_id', '=', organizationId)
      .where((eb) => eb.or([eb('v.user_id', '=', userId), eb('v.shared', '=', 1)]))

  return {
    async loadViews(who, { limit, after }) {
      const views = seenBy(who)
        .where('v.id', '>', Number(after?.[0] ?? 0))
        .orderBy('v.id')
        .limit(limit + 1)
      const rows = (await views.execute()).map(viewOf)
      return { rows: rows.slice(0, limit), next: afterLast(rows, limit, ({ id }) => [id]) }
    },

    async findView(who, slug) {
      const rows = await seenBy(who).where('v.slug', '=', slug).orderBy('v.id').execute()
      const views = rows.map(viewOf)
      return views.find(({ userId }) => userId === who.userId) ?? views[0] ?? null
    },

    async insertView({ organizationId, userId }, view, at) {
      const owned = { organization_id: organizationId, user_id: userId, changed_at: at }
      await refuseTaken(
        write
          .insertInto('device_views')
          .values({ ...owned, ...(rowOf(view) as Required<ReturnType<typeof rowOf>>) })
          .execute(),
      )
    },

    async changeView(id, changes, at) {
      await write
        .updateTable('device_views')
        .set({ ...rowOf(changes), changed_at: at })
        .where('id', '=', id)
        .execute()
    },

    async deleteView(id) {
      await write.deleteFrom('device_views').where('id', '=', id).execute()
    },
  }
}

type ViewRow = Omit<SavedView, 'columns' | 'shared'> & {
  id: number
  user_id: number
  email: string
  shared: number
  columns: string
  changed_at: number
}

function viewOf({ user_id, email, shared, columns, changed_at, ...row }: ViewRow): SavedViewRow {
  const { id, slug, name, filter, q, sort } = row
  const texts = { id, slug, name, filter, q, sort, columns: JSON.parse(columns) as string[] }
  return { ...texts, userId: user_id, owner: email, shared: shared === 1, changedAt: changed_at }
}

function rowOf({ columns, shared, ...texts }: Partial<SavedView>) {
  return {
    ...texts,
    ...(columns === undefined ? {} : { columns: JSON.stringify(columns) }),
    ...(shared === undefined ? {} : { shared: shared ? 1 : 0 }),
  }
}

async function refuseTaken(writing: Promise<unknown>): Promise<void> {
  try {
    await writing
  } catch (error) {
    throw isUniqueViolation(error) ? new Refusal('view-slug-taken') : error
  }
}
