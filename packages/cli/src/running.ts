// Asks devices for an action, with what it will do said first, and waits for its end where that is
// wanted.

import { type ActionKind, actionKinds, actionStates } from '@muster/core/actions.ts'
import type { ActionView } from '@muster/core/actions-api.ts'
import type { DeviceView } from '@muster/core/api.ts'
import { type Clock, pause } from '@muster/core/clock.ts'
import { exitCodes } from '@muster/core/errors.ts'
import type { Session } from './context.ts'
import { Stopped } from './failure.ts'
import { actionLine, actionTable } from './view/action.ts'

export type Running = {
  kind: ActionKind
  service?: string | undefined
  expiresInMs?: number | undefined
  yes?: true | undefined
  wait?: true | undefined
}

const askEveryMs = 1_000

/** Ends with an exit code of its own where one of them did not succeed. */
export async function runOn(
  session: Session,
  clock: Clock,
  devices: readonly Pick<DeviceView, 'uuid' | 'name'>[],
  { kind, service, expiresInMs, yes, wait }: Running,
): Promise<void> {
  const { api, confirm, note, print } = session
  const { asksFirst, effect, title } = actionKinds[kind]
  const on = devices.length === 1 ? devices[0]!.name : `${devices.length} devices`
  if (asksFirst) await confirm(`${title} on ${on}? ${effect}`, yes)
  const asked: ActionView[] = []
  for (const { uuid } of devices)
    asked.push(await api.actions.run(uuid, { kind, service, expiresInMs }))
  const actions = wait
    ? await Promise.all(asked.map((one) => untilEnded(session, clock, one)))
    : asked
  const [first] = actions
  if (actions.length === 1 && first) print(first, actionLine)
  else print({ items: actions }, ({ items }, look) => actionTable(items, look))
  if (!wait) note('Follow it: muster action show ID, or add --wait.')
  else if (actions.some(({ state }) => state !== 'succeeded')) throw new Stopped(exitCodes.failed)
}

/** Asks until it has ended. */
export async function untilEnded(
  { api }: Session,
  clock: Clock,
  asked: ActionView,
): Promise<ActionView> {
  let action = asked
  while (!actionStates[action.state].isFinal) {
    await pause(clock, askEveryMs)
    action = await api.actions.read(action.id)
  }
  return action
}
