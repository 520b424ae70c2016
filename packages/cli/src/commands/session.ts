// `muster session`: where one is signed in, and ending that.

import { Refusal } from '@muster/core/errors.ts'
import type { Command } from 'commander'
import { parseCount } from '../arguments.ts'
import { type Context, openSession } from '../context.ts'
import { examples } from '../help.ts'
import { parsedBy } from '../options.ts'
import { sessionTable } from '../view/people.ts'

export function addSessionCommands(program: Command, context: Context) {
  const session = program
    .command('session')
    .summary('where you are signed in')
    .description('Your sessions: each sign-in begins one, and 30 days without use end it.')
  const list = session
    .command('list')
    .description('List your sessions, the latest used first. The one that asks has a star.')
    .action(async (_options, command: Command) => {
      const { api, print } = await openSession(context, command)
      print(await api.sessions.list(), ({ items }, look) => sessionTable(items, look))
    })
  examples(list, ['muster session list', 'is there one that you do not know?'])
  const end = session
    .command('end')
    .description('End one session, or all but this one.')
    .argument('[id]', 'its number, as `muster session list` shows it', parsedBy(parseCount))
    .option('--others', 'all but this one')
    .action(async (id: number | undefined, options: { others?: true }, command: Command) => {
      if ((id === undefined) === (options.others === undefined))
        throw new Refusal('wrong-usage', 'give the number of a session, or --others')
      const { api, note } = await openSession(context, command)
      if (id === undefined) {
        const { endedCount } = await api.sessions.endOthers()
        return note(`${endedCount} ended.`)
      }
      await api.sessions.end(id)
      note(`Session ${id} is ended.`)
    })
  examples(
    end,
    ['muster session end 2', 'the one with this number'],
    ['muster session end --others', 'signs out everywhere else'],
  )
}
