// `muster organization`: the organization and its allowance.

import type { Command } from 'commander'
import { parseCount, parseSwitch, requireChange } from '../arguments.ts'
import { type Context, openSession } from '../context.ts'
import { examples } from '../help.ts'
import { parsedBy } from '../options.ts'
import { organizationCard } from '../view/fleet.ts'
import { hostedOrganizationTable, ownOrganizationTable } from '../view/member.ts'

export function addOrganizationCommands(program: Command, context: Context) {
  const organization = program
    .command('organization')
    .summary('show or edit the organization')
    .description('The organization, its plan and its allowance of devices.')
  const show = organization
    .command('show')
    .description('Show the organization, how many devices are active, and how many may be.')
    .action(async (_options, command: Command) => {
      const { api, print } = await openSession(context, command)
      print(await api.organization.read(), organizationCard)
    })
  examples(show, ['muster organization show', 'are we near the allowance?'])
  addList(organization, context)
  addCreate(organization, context)
  const edit = organization
    .command('edit')
    .description(
      'Change the organization. Over the allowance the newest devices are frozen; a larger allowance thaws them at once.',
    )
    .option('--name <name>', 'its name')
    .option('--device-allowance <count>', 'active devices at most, or none for no limit')
    .option(
      '--paid-fleets <switch>',
      'on or off: whether fleets of a paid type are allowed',
      parsedBy(parseSwitch),
    )
    .action(async (options: EditOptions, command: Command) => {
      const { name, deviceAllowance, paidFleets } = options
      const change = requireChange(
        { name, deviceAllowance: parseAllowance(deviceAllowance), allowsPaidFleets: paidFleets },
        '--name, --device-allowance or --paid-fleets',
      )
      const { api, print } = await openSession(context, command)
      print(await api.organization.edit(change), organizationCard)
    })
  examples(edit, ['muster organization edit --device-allowance 500', 'allows 500 active devices'])
  addDelete(organization, context)
}

function addList(organization: Command, context: Context) {
  const list = organization
    .command('list')
    .description('List the organizations that you belong to.')
    .option('--hosted', 'all that this server hosts, for those who run it')
    .action(async (options: { hosted?: true }, command: Command) => {
      const { api, print, printList } = await openSession(context, command)
      if (options.hosted)
        return printList(api.organizations.pages({ limit: 500 }), true, hostedOrganizationTable)
      print(await api.organizations.own(), ({ items }, look) => ownOrganizationTable(items, look))
    })
  examples(
    list,
    ['muster organization list', 'where am I a member?'],
    ['muster organization list --hosted', 'who has how many devices here?'],
  )
}

function addCreate(organization: Command, context: Context) {
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

function addDelete(organization: Command, context: Context) {
  const remove = organization
    .command('delete')
    .description(
      'Delete the organization that is worked in, with its members, tokens and history. It must have no fleets.',
    )
    .option('--yes', 'do not ask')
    .action(async (options: { yes?: true }, command: Command) => {
      const { api, confirm, note } = await openSession(context, command)
      const { name } = await api.organization.read()
      await confirm(`Delete the organization ${name}?`, options.yes)
      await api.organizations.delete()
      note(`The organization ${name} is deleted.`)
    })
  examples(remove, [
    'muster organization delete --organization acme --yes',
    'acme, and not your own',
  ])
}

type EditOptions = { name?: string; deviceAllowance?: string; paidFleets?: boolean }

function parseAllowance(text: string | undefined): number | null | undefined {
  if (text === undefined) return undefined
  return text === 'none' ? null : parseCount(text)
}
