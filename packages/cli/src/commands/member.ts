// `muster member`: who belongs to the organization, and which roles they have.

import { Refusal } from '@muster/core/errors.ts'
import { isRole, type Role, roles } from '@muster/core/rights.ts'
import type { Command } from 'commander'
import { requireChange } from '../arguments.ts'
import { type Context, openSession } from '../context.ts'
import { findMember, personWord } from '../find-person.ts'
import { examples } from '../help.ts'
import { addListOptions, type ListOptions, pageQuery } from '../options.ts'
import { memberTable } from '../view/member.ts'

export type Held = { role?: string; fleetRole?: string[] }

export function addMemberCommands(program: Command, context: Context) {
  const member = program
    .command('member')
    .summary('members of the organization and their roles')
    .description('Members, their roles in the organization and on single fleets.')
  const list = addListOptions(member.command('list'), memberTable)
    .description('List the members, with their roles and when they were last seen.')
    .action(async (options: ListOptions, command: Command) => {
      const { api, printList } = await openSession(context, command)
      await printList(api.members.pages(pageQuery(options)), options.all, memberTable)
    })
  examples(list, ['muster member list', 'who may do what here?'])
  const edit = addRoleOptions(member.command('edit'))
    .description('Change the role of a member; roles on fleets that are given replace all others.')
    .argument('<member>', `the member, ${personWord}`)
    .action(async (word: string, options: Held, command: Command) => {
      const change = requireChange(heldOf(options), '--role or --fleet-role')
      const { api, print } = await openSession(context, command)
      const { id } = await findMember(api, word)
      print(await api.members.edit(id, change), (view, look) => memberTable([view], look))
    })
  examples(edit, ['muster member edit ada@example.org --role developer', 'from now on a developer'])
  const remove = member
    .command('remove')
    .description('Remove a member from the organization; the user stays.')
    .argument('<member>', `the member, ${personWord}`)
    .option('--yes', 'do not ask')
    .action(async (word: string, options: { yes?: true }, command: Command) => {
      const { api, note, confirm } = await openSession(context, command)
      const { id, email } = await findMember(api, word)
      await confirm(`Remove ${email} from the organization?`, options.yes)
      await api.members.remove(id)
      note(`${email} is no longer a member.`)
    })
  examples(remove, [
    'muster member remove ada@example.org --yes',
    'without being asked; the last administrator cannot be removed',
  ])
}

export function addRoleOptions(command: Command): Command {
  return command
    .option('--role <role>', `${roles.join(', ')}, or none: on single fleets only`)
    .option(
      '--fleet-role <fleet=role>',
      'a role on one fleet; may be repeated',
      (one: string, before: string[] = []) => [...before, one],
    )
}

export function heldOf({ role, fleetRole }: Held) {
  return {
    role: role === undefined ? undefined : role === 'none' ? null : roleOf(role),
    fleets: fleetRole?.map((one) => {
      const [fleet = '', word = ''] = one.split('=')
      return { fleet, role: roleOf(word) }
    }),
  }
}

function roleOf(word: string): Role {
  if (!isRole(word)) throw new Refusal('wrong-usage', `"${word}" is none of ${roles.join(', ')}`)
  return word
}
