// `muster member`, `muster invitation` and `muster plan`: who belongs to the organization, who is to,
// and what it may have.

import { Refusal } from '@muster/core/errors.ts'
import { isRole, type Role, roles } from '@muster/core/rights.ts'
import type { Command } from 'commander'
import { parseCount, parseSwitch, requireChange } from '../arguments.ts'
import { type Context, openSession } from '../context.ts'
import { examples } from '../help.ts'
import { parsedBy } from '../options.ts'
import { organizationCard } from '../view/fleet.ts'
import { invitationTable, memberTable, ownOrganizationTable } from '../view/member.ts'

type Held = { role?: string; fleetRole?: string[] }

export function addMemberCommands(program: Command, context: Context) {
  const member = program
    .command('member')
    .summary('members of the organization and their roles')
    .description('Members, their roles in the organization and on single fleets.')
  const list = member
    .command('list')
    .description('List the members, with their roles and when they were last seen.')
    .action(async (_options, command: Command) => {
      const { api, print } = await openSession(context, command)
      print((await api.members.page({ limit: 500 })).items, memberTable)
    })
  examples(list, ['muster member list', 'who may do what here?'])
  const edit = addRoleOptions(member.command('edit'))
    .description('Change the role of a member; roles on fleets that are given replace all others.')
    .argument('<id>', 'the number of the member, as listed', parsedBy(parseCount))
    .action(async (id: number, options: Held, command: Command) => {
      const change = requireChange(heldOf(options), '--role or --fleet-role')
      const { api, print } = await openSession(context, command)
      print([await api.members.edit(id, change)], memberTable)
    })
  examples(edit, ['muster member edit 7 --role developer', 'from now on a developer'])
  const remove = member
    .command('remove')
    .description('Remove a member from the organization; the user stays.')
    .argument('<id>', 'the number of the member, as listed', parsedBy(parseCount))
    .action(async (id: number, _options, command: Command) => {
      const { api, note } = await openSession(context, command)
      await api.members.remove(id)
      note(`Member ${id} is removed.`)
    })
  examples(remove, ['muster member remove 7', 'the last administrator cannot be removed'])
}

export function addInvitationCommands(program: Command, context: Context) {
  const invitation = program
    .command('invitation')
    .summary('invite people into the organization')
    .description('Invitations: a link that works once, for a week.')
  const create = addRoleOptions(invitation.command('create'))
    .description('Invite somebody. The link is shown this once: pass it on to them.')
    .argument('<email>', 'the e-mail of the person')
    .action(async (email: string, options: Held, command: Command) => {
      const { api, print, note } = await openSession(context, command)
      const made = await api.invitations.create({ email, ...heldOf(options) })
      print(made, ({ url, token }) => url ?? token)
      note(`It works once, for a week. Its id is ${made.id}.`)
    })
  examples(
    create,
    ['muster invitation create eve@example.org --role operator', 'into the organization'],
    ['muster invitation create bob@example.org --fleet-role garden=observer', 'one fleet only'],
  )
  const list = invitation
    .command('list')
    .description('List the invitations that have not been accepted.')
    .action(async (_options, command: Command) => {
      const { api, print } = await openSession(context, command)
      print((await api.invitations.page({ limit: 500 })).items, invitationTable)
    })
  examples(list, ['muster invitation list', 'who has not come in yet?'])
  for (const [name, run] of [
    ['resend', 'Make a new link for another week; the one before it works no longer.'],
    ['revoke', 'Revoke an invitation.'],
  ] as const) {
    const one = invitation
      .command(name)
      .description(run)
      .argument('<id>', 'the number of the invitation, as listed', parsedBy(parseCount))
      .action(async (id: number, _options, command: Command) => {
        const { api, print, note } = await openSession(context, command)
        if (name === 'resend')
          print(await api.invitations.resend(id), ({ url, token }) => url ?? token)
        else {
          await api.invitations.revoke(id)
          note(`Invitation ${id} is revoked.`)
        }
      })
    examples(one, [`muster invitation ${name} 3`, `${name} the third`])
  }
}

export function addPlanCommands(program: Command, context: Context) {
  const plan = program
    .command('plan')
    .summary('plans of the organizations of a server')
    .description('Plans, for those who run the server.')
  const show = plan
    .command('show')
    .description('Show the plan of an organization, and how much of it is used.')
    .argument('<organization>', 'its slug')
    .action(async (slug: string, _options, command: Command) => {
      const { api, print } = await openSession(context, command)
      print(await api.organizations.read(slug), organizationCard)
    })
  examples(show, ['muster plan show acme', 'how near is it to its allowance?'])
  const set = plan
    .command('set')
    .description('Set a plan. Devices freeze and thaw along with it at once.')
    .argument('<organization>', 'its slug')
    .option('--device-allowance <count>', 'active devices at most, or none for no limit')
    .option('--paid-fleets <switch>', 'on or off', parsedBy(parseSwitch))
    .action(
      async (
        slug: string,
        { deviceAllowance: count, paidFleets }: { deviceAllowance?: string; paidFleets?: boolean },
        command: Command,
      ) => {
        const deviceAllowance =
          count === undefined ? undefined : count === 'none' ? null : parseCount(count)
        const asked = { deviceAllowance, allowsPaidFleets: paidFleets }
        const change = requireChange(asked, '--device-allowance or --paid-fleets')
        const { api, print } = await openSession(context, command)
        print(await api.organizations.setPlan(slug, change), organizationCard)
      },
    )
  examples(set, ['muster plan set acme --device-allowance 500', 'allows 500 active devices'])
}

/** Beside `organization show` and `edit`. */
export function addOwnOrganizationCommands(organization: Command, context: Context) {
  const list = organization
    .command('list')
    .description('List the organizations that you belong to.')
    .action(async (_options, command: Command) => {
      const { api, print } = await openSession(context, command)
      print((await api.organizations.own()).items, ownOrganizationTable)
    })
  examples(list, ['muster organization list', 'where am I a member?'])
  const create = organization
    .command('create')
    .description('Create an organization, for those who run the server.')
    .argument('<name>', 'its name')
    .option('--slug <slug>', 'its short name; made from the name without it')
    .action(async (name: string, { slug }: { slug?: string }, command: Command) => {
      const { api, print } = await openSession(context, command)
      print(await api.organizations.create({ name, slug }), organizationCard)
    })
  examples(create, ['muster organization create "Acme Kiosks"', 'you are its administrator'])
}

function addRoleOptions(command: Command): Command {
  return command
    .option('--role <role>', `${roles.join(', ')}, or none: on single fleets only`)
    .option(
      '--fleet-role <fleet=role>',
      'a role on one fleet; may be repeated',
      (one: string, before: string[] = []) => [...before, one],
    )
}

function heldOf({ role, fleetRole }: Held) {
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
