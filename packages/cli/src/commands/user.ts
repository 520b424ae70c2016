// `muster user`: users of the whole server, for those who run it. Who belongs to an organization is under
// `muster member`.

import type { UserView } from '@muster/core/people-api.ts'
import type { Command } from 'commander'
import { type Context, openSession } from '../context.ts'
import { examples } from '../help.ts'
import { type Row, renderRows } from '../view/card.ts'
import type { Look } from '../view/text.ts'
import { momentText } from '../view/time.ts'

export function addUserCommands(program: Command, context: Context) {
  const user = program
    .command('user')
    .summary('users of the server: shut out and let in')
    .description(
      'Users of the whole server, for those who run it. A user who is shut out has no way in: sessions end, and no password, provider or token opens anything.',
    )
  const show = user
    .command('show')
    .description('Show a user, and whether they may come in.')
    .argument('<email>', 'the e-mail of the user')
    .action(async (email: string, _options, command: Command) => {
      const { api, print } = await openSession(context, command)
      print(await api.users.read(email), userCard)
    })
  examples(show, ['muster user show ada@example.org', 'may Ada come in?'])
  const disable = user
    .command('disable')
    .description('Shut a user out, at once. What they made stays, and so do their memberships.')
    .argument('<email>', 'the e-mail of the user')
    .action(async (email: string, _options, command: Command) => {
      const { api, print } = await openSession(context, command)
      print(await api.users.edit(email, { disabled: true }), userCard)
    })
  examples(disable, ['muster user disable ada@example.org', 'her laptop was stolen'])
  const enable = user
    .command('enable')
    .description('Let a user in again. Sessions begin anew; API tokens work again.')
    .argument('<email>', 'the e-mail of the user')
    .action(async (email: string, _options, command: Command) => {
      const { api, print } = await openSession(context, command)
      print(await api.users.edit(email, { disabled: false }), userCard)
    })
  examples(enable, ['muster user enable ada@example.org', 'she has a new laptop'])
}

function userCard({ email, name, serverAdministrator, disabledAt }: UserView, look: Look): string {
  const rows: Row[] = [
    ['e-mail', email],
    ['name', name ?? 'none'],
    ['runs the server', serverAdministrator ? 'yes' : 'no'],
    ['shut out', disabledAt === null ? 'no' : `since ${momentText(disabledAt, look)}`],
  ]
  return renderRows(rows, look).join('\n')
}
