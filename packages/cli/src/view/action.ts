// Actions as a table, as a line, and as a card; and what a device can be asked for.

import { actionStates } from '@muster/core/actions.ts'
import type { ActionView, AvailabilityView } from '@muster/core/actions-api.ts'
import { renderRows } from './card.ts'
import { renderTable } from './table.ts'
import type { Look } from './text.ts'
import { momentText, relativeText } from './time.ts'

const whatOf = ({ kind, service }: ActionView) => (service ? `${kind} ${service}` : kind)

export function actionTable(actions: readonly ActionView[], look: Look): string {
  return renderTable<ActionView>(
    [
      { title: 'ACTION', cell: ({ id }) => id },
      { title: 'DEVICE', cell: ({ name }) => name, shrinksTo: 10 },
      { title: 'KIND', cell: whatOf, shrinksTo: 10 },
      { title: 'STATE', cell: ({ state }) => state },
      { title: 'ASKED', cell: ({ createdAt }) => relativeText(createdAt, look.now), goes: 2 },
      { title: 'BY', cell: ({ by }) => by, shrinksTo: 8, goes: 1 },
      { title: 'RESULT', cell: ({ result }) => result?.text ?? '', shrinksTo: 10, goes: 3 },
      { title: 'CHANNEL', cell: ({ channel }) => channel ?? '', hidden: true },
      { title: 'FLEET', cell: ({ fleet }) => fleet, hidden: true },
      { title: 'UUID', cell: ({ uuid }) => uuid, hidden: true },
    ],
    actions,
    look,
  )
}

/** "quiet-river: reboot succeeded: another boot". */
export function actionLine(action: ActionView): string {
  const { name, state, result } = action
  const how = result ? `: ${result.text}` : ''
  return `${name}: ${whatOf(action)} ${state}${how}`
}

export function actionCard(action: ActionView, look: Look): string {
  const { id, name, uuid, fleet, title, state, by, createdAt, expiresAt, result, steps } = action
  const rows: [string, string][] = [
    ['Action', `${title}${action.service ? ` ${action.service}` : ''} (${id})`],
    ['Device', `${name} (${uuid}), fleet ${fleet}`],
    ['State', `${actionStates[state].title}: ${actionStates[state].about}`],
    ['Asked', `${momentText(createdAt, look)} by ${by}`],
    ['Expires', momentText(expiresAt, look)],
    ...(result ? [['Result', result.text || state] as [string, string]] : []),
    ...Object.entries(result?.proof ?? {}).map(([what, is]): [string, string] => [
      'Proof',
      `${what}: ${is}`,
    ]),
    ...steps.map(({ at, state, channel }): [string, string] => [
      'Step',
      `${momentText(at, look)} ${state}${channel ? ` by ${channel}` : ''}`,
    ]),
  ]
  return renderRows(rows, look).join('\n')
}

type Available = AvailabilityView['items'][number]

export function availableTable({ items }: AvailabilityView, look: Look): string {
  return renderTable<Available>(
    [
      { title: 'KIND', cell: ({ kind }) => kind },
      { title: 'WORKS', cell: ({ works }) => works },
      { title: 'CHANNEL', cell: ({ channel }) => channel ?? '', goes: 2 },
      {
        title: 'ARRIVES',
        cell: ({ arrivesAt }) => (arrivesAt === null ? '' : relativeText(arrivesAt, look.now)),
        goes: 1,
      },
      { title: 'ADVICE', cell: ({ advice }) => advice ?? '', shrinksTo: 20 },
      { title: 'EFFECT', cell: ({ effect }) => effect, hidden: true },
      { title: 'PROOF', cell: ({ proof }) => proof, hidden: true },
    ],
    items,
    look,
  )
}

export type Service = { name: string; state: string; image: string }

export function serviceTable(services: readonly Service[], look: Look): string {
  return renderTable<Service>(
    [
      { title: 'SERVICE', cell: ({ name }) => name, shrinksTo: 10 },
      { title: 'STATE', cell: ({ state }) => state },
      { title: 'IMAGE', cell: ({ image }) => image, shrinksTo: 10, goes: 1 },
    ],
    services,
    look,
  )
}
