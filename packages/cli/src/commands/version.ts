// `muster version`: of this program, and of the server that it speaks with.

import { Refusal } from '@muster/core/errors.ts'
import type { Command } from 'commander'
import { type Context, openSession } from '../context.ts'
import { examples } from '../help.ts'
import { renderRows } from '../view/card.ts'

export function addVersionCommand(program: Command, context: Context) {
  const version = program
    .command('version')
    .description(
      'Print the version of this program and that of the server. Where they differ so far that they may misunderstand each other, every command says so.',
    )
    .summary('print the versions of this program and of the server')
    .action(async (_options, command: Command) => {
      const { api, print, note } = await openSession(context, command)
      const versions = { muster: context.version, server: null as string | null }
      try {
        await api.whoAmI()
        versions.server = api.serverVersion()
      } catch (error) {
        if (!(error instanceof Refusal)) throw error
        note(error.message)
      }
      print(versions, ({ muster, server }, look) =>
        renderRows(
          [
            ['muster', muster],
            ['server', server ?? 'unknown'],
          ],
          look,
        ).join('\n'),
      )
    })
  examples(version, ['muster version', 'for a report of a fault'])
}
