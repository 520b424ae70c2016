// `muster token`: API tokens for programs, as narrow as the program allows.

import { Refusal } from '@muster/core/errors.ts'
import { type Right, rightNames } from '@muster/core/rights.ts'
import type { TokenScope } from '@muster/core/token-scope.ts'
import type { Command } from 'commander'
import { parseInstant } from '../arguments.ts'
import { type Context, openSession } from '../context.ts'
import { findToken } from '../find-person.ts'
import { examples } from '../help.ts'
import { parsedBy } from '../options.ts'
import { tokenTable } from '../view/people.ts'

export function addTokenCommands(program: Command, context: Context) {
  const token = program
    .command('token')
    .summary('API tokens for programs')
    .description(
      'An API token lets a program do what you may, in one organization, or less: only reading, only some rights, only some fleets.',
    )
  addCreate(token, context)
  addList(token, context)
  addRevoke(token, context)
}

type CreateOptions = { scope?: TokenScope; fleets?: string[]; expires?: string }

function addCreate(token: Command, context: Context) {
  const create = token
    .command('create')
    .description('Make an API token. The token itself is shown this once.')
    .argument('<name>', 'what it is for')
    .option(
      '--scope <scope>',
      `full, read-only, or rights joined by commas, of: ${rightNames.join(', ')} (default: full)`,
      parsedBy(parseScope),
    )
    .option('--fleets <slugs>', 'these fleets only, joined by commas', (text) => text.split(','))
    .option('--expires <time>', 'when it stops to work: a time, or a duration such as 30d from now')
    .action(async (name: string, options: CreateOptions, command: Command) => {
      const { api, print, note, look } = await openSession(context, command)
      const { scope, fleets, expires } = options
      const expiresAt = expires === undefined ? undefined : parseInstant(expires, look().now, 'on')
      const made = await api.tokens.create({ name, scope, fleets, expiresAt })
      print(made, ({ token }) => token)
      note(`Keep it now: it is not shown again. Its id is ${made.id}.`)
    })
  examples(
    create,
    ['muster token create grafana --scope read-only', 'sees everything, changes nothing'],
    ['muster token create ci --scope devices-read,devices-write --expires 90d', 'for 90 days'],
  )
}

function parseScope(text: string): TokenScope {
  if (text === 'full' || text === 'read-only') return text
  const words = text.split(',').map((word) => word.trim())
  const wrong = words.find((word) => !rightNames.includes(word as Right))
  if (wrong !== undefined) throw new Refusal('wrong-usage', `there is no right "${wrong}"`)
  return words as Right[]
}

function addList(token: Command, context: Context) {
  const list = token
    .command('list')
    .description('List your API tokens, with when each was last used.')
    .action(async (_options, command: Command) => {
      const { api, print } = await openSession(context, command)
      print(await api.tokens.list(), ({ items }, look) => tokenTable(items, look))
    })
  examples(list, ['muster token list', 'which of them does nothing use?'])
}

function addRevoke(token: Command, context: Context) {
  const revoke = token
    .command('revoke')
    .description('Revoke an API token: it stops to work within seconds.')
    .argument('<token>', 'its name, or its number as `muster token list` shows it')
    .option('--yes', 'do not ask')
    .action(async (word: string, options: { yes?: true }, command: Command) => {
      const { api, confirm, note } = await openSession(context, command)
      const { id, name } = await findToken(api, word)
      await confirm(`Revoke the API token "${name}" (${id})?`, options.yes)
      await api.tokens.revoke(id)
      note(`The API token "${name}" (${id}) is revoked.`)
    })
  examples(revoke, ['muster token revoke grafana --yes', 'without being asked'])
}
