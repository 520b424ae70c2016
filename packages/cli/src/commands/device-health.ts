// `muster device health`: what a device found on itself, and the wish that it look again.

import { exitCodes } from '@muster/core/errors.ts'
import type { Command } from 'commander'
import { type Context, openSession } from '../context.ts'
import { Stopped } from '../failure.ts'
import { findDevice } from '../find-device.ts'
import { deviceWord, examples } from '../help.ts'
import { addTableOptions } from '../options.ts'
import { untilEnded } from '../running.ts'
import { findingTable, healthText } from '../view/health.ts'

export function addDeviceHealth(device: Command, context: Context) {
  const health = addTableOptions(
    device
      .command('health')
      .description(
        'Show what a device found when it last examined itself: disk, memory, temperature, supply voltage, time, DNS, the ways to the API and of cloudlink step by step, Docker. It does so after trouble by itself; --run asks it to do so now.',
      )
      .argument('<device>', deviceWord)
      .option('--run', 'let it examine itself now, and wait for what it finds'),
    findingTable,
  ).action(async (word: string, { run }: { run?: true }, command: Command) => {
    const session = await openSession(context, command)
    const { api, print, note } = session
    const { uuid } = await findDevice(api, word)
    if (!run) return print(await api.health.read(uuid), healthText)
    const asked = await api.actions.run(uuid, { kind: 'run-checks' })
    const { state, result } = await untilEnded(session, context.clock, asked)
    print(await api.health.read(uuid), healthText)
    if (state === 'succeeded') return
    note(`It did not examine itself anew; the action ${state}: ${result?.text ?? 'no answer'}.`)
    throw new Stopped(exitCodes.failed)
  })
  examples(
    health,
    ['muster device health quiet-river', 'why is its cloudlink down?'],
    [
      'muster device health quiet-river --json | jq -r \'.examination.findings[] | select(.result == "failed") | .detail\'',
      'only what failed',
    ],
  )
}
