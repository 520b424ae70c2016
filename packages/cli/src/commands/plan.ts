// `muster plan`: what the organizations of a server may have, for those who run it.

import type { Command } from 'commander'
import { parseCount, parseSwitch, requireChange } from '../arguments.ts'
import { type Context, openSession } from '../context.ts'
import { examples } from '../help.ts'
import { parsedBy } from '../options.ts'
import { organizationCard } from '../view/fleet.ts'

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
