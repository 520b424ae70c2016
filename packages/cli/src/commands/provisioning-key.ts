// `muster provisioning-key`: the keys with which devices register themselves in a fleet.

import type { Command } from 'commander'
import { parseCount, parseInstant } from '../arguments.ts'
import { type Context, openSession } from '../context.ts'
import { examples } from '../help.ts'
import { addListOptions, type ListOptions, pageQuery, parsedBy } from '../options.ts'
import { provisioningKeyTable } from '../view/fleet.ts'
import { momentText } from '../view/time.ts'

export function addProvisioningKeyCommands(program: Command, context: Context) {
  const key = program
    .command('provisioning-key')
    .summary('keys with which devices register themselves')
    .description(
      'A provisioning key lets any device that has it register itself in one fleet. Devices then use a key of their own: to revoke a provisioning key disturbs none of them.',
    )
  addCreate(key, context)
  addList(key, context)
  addRevoke(key, context)
}

function addCreate(key: Command, context: Context) {
  const create = key
    .command('create')
    .description('Create a provisioning key. The key itself is shown this once.')
    .argument('<fleet>', 'the slug of the fleet')
    .option('--name <name>', 'what it is for')
    .option('--expires <time>', 'when it stops to work: a time, or a duration such as 30d from now')
    .action(
      async (fleet: string, options: { name?: string; expires?: string }, command: Command) => {
        const { api, print, note, look } = await openSession(context, command)
        const expiresAt = options.expires && parseInstant(options.expires, look().now, 'on')
        const body = { name: options.name, expiresAt: expiresAt || undefined }
        const created = await api.provisioningKeys.create(fleet, body)
        print(created, ({ key }) => key)
        const until =
          created.expiresAt === null ? '' : ` It expires ${momentText(created.expiresAt, look())}.`
        note(
          `Keep it now: it is not shown again. Its id is ${created.id}.${until}\nOn the device: muster-agent --server ${api.server} --provisioning-key KEY --state-dir /var/lib/muster-agent`,
        )
      },
    )
  examples(
    create,
    ['muster provisioning-key create garden', 'prints a key for the fleet garden'],
    ['KEY=$(muster provisioning-key create garden --expires 7d)', 'for a week, into a variable'],
  )
}

function addList(key: Command, context: Context) {
  const list = addListOptions(key.command('list'), provisioningKeyTable)
    .description('List the provisioning keys of a fleet, with when each was last used.')
    .argument('<fleet>', 'the slug of the fleet')
    .action(async (fleet: string, options: ListOptions, command: Command) => {
      const { api, printList } = await openSession(context, command)
      const pages = api.provisioningKeys.pages(fleet, pageQuery(options))
      await printList(pages, options.all, provisioningKeyTable)
    })
  examples(list, ['muster provisioning-key list garden', 'which keys are valid?'])
}

function addRevoke(key: Command, context: Context) {
  const revoke = key
    .command('revoke')
    .description('Revoke a provisioning key: no further device can register with it.')
    .argument('<fleet>', 'the slug of the fleet')
    .argument(
      '<id>',
      'its number, as `muster provisioning-key list` shows it',
      parsedBy(parseCount),
    )
    .option('--yes', 'do not ask')
    .action(async (fleet: string, id: number, options: { yes?: true }, command: Command) => {
      const { api, confirm, note } = await openSession(context, command)
      await confirm(`Revoke provisioning key ${id} of fleet ${fleet}?`, options.yes)
      await api.provisioningKeys.revoke(fleet, id)
      note(`Provisioning key ${id} of fleet ${fleet} is revoked.`)
    })
  examples(revoke, ['muster provisioning-key revoke garden 3 --yes', 'without being asked'])
}
