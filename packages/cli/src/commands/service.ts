// `muster service`: the containers of a device.

import type { ActionKind } from '@muster/core/actions.ts'
import type { Command } from 'commander'
import { parseDuration } from '../arguments.ts'
import { type Context, openSession } from '../context.ts'
import { findDevice } from '../find-device.ts'
import { deviceWord, examples } from '../help.ts'
import { addTableOptions, parsedBy } from '../options.ts'
import { runOn } from '../running.ts'
import { type Service, serviceTable } from '../view/action.ts'

export function addServiceCommands(program: Command, context: Context) {
  const service = program
    .command('service')
    .summary('the services of a device')
    .description(
      'Services are the containers of the Docker Engine of a device, as it last reported them.',
    )
  addList(service, context)
  addAct(service, context, 'restart')
  addAct(service, context, 'start')
  addAct(service, context, 'stop')
}

function addList(service: Command, context: Context) {
  const list = addTableOptions(
    service
      .command('list')
      .description('List the services of a device.')
      .argument('<device>', deviceWord),
    serviceTable,
  ).action(async (word: string, _options, command: Command) => {
    const { api, print, note } = await openSession(context, command)
    const { facts, name } = await findDevice(api, word)
    const items = (Array.isArray(facts.services) ? facts.services : []) as Service[]
    if (facts.docker === undefined) note(`${name} has not said whether it has Docker.`)
    else if (facts.docker === 'none') note(`${name} has no Docker.`)
    else note(`Docker ${facts.docker}.`)
    print({ items }, (list, look) => serviceTable(list.items, look))
  })
  examples(list, ['muster service list quiet-river', 'what runs there?'])
}

type ActOptions = { expires?: number; wait?: true; yes?: true }

function addAct(service: Command, context: Context, verb: 'restart' | 'start' | 'stop') {
  const act = service
    .command(verb)
    .description(`${verb[0]!.toUpperCase()}${verb.slice(1)} a service of a device.`)
    .argument('<device>', deviceWord)
    .argument('<service>', 'its name')
    .option('--expires <duration>', 'how long it may wait (default: 1h)', parsedBy(parseDuration))
    .option('--wait', 'until it has ended; fails unless it has succeeded')
    .option('--yes', 'do not ask')
    .action(async (word: string, name: string, options: ActOptions, command: Command) => {
      const session = await openSession(context, command)
      const device = await findDevice(session.api, word)
      const { expires: expiresInMs, wait, yes } = options
      const kind: ActionKind = `${verb}-service`
      await runOn(session, context.clock, [device], { kind, service: name, expiresInMs, wait, yes })
    })
  examples(act, [`muster service ${verb} quiet-river web --yes`, 'without being asked'])
}
