// `muster organization`: the organization and its allowance.

import type { Command } from 'commander'
import { parseCount, parseSwitch, requireChange } from '../arguments.ts'
import { type Context, openSession } from '../context.ts'
import { examples } from '../help.ts'
import { parsedBy } from '../options.ts'
import { organizationCard } from '../view/fleet.ts'
import { addOwnOrganizationCommands } from './member.ts'

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
  addOwnOrganizationCommands(organization, context)
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
}

type EditOptions = { name?: string; deviceAllowance?: string; paidFleets?: boolean }

function parseAllowance(text: string | undefined): number | null | undefined {
  if (text === undefined) return undefined
  return text === 'none' ? null : parseCount(text)
}
