// Fleets, their keys and the organization for people.

import type {
  FleetAtView,
  FleetView,
  OrganizationView,
  ProvisioningKeyView,
} from '@muster/core/api.ts'
import type { FleetSwitch } from '@muster/core/api-client.ts'
import { statusWords } from '@muster/core/statuses.ts'
import { type Row, renderRows, renderSection } from './card.ts'
import { policyRows } from './policy.ts'
import { cloudlinkSpan, countSpans, heartbeatSpan, statusSpan } from './status.ts'
import { renderTable } from './table.ts'
import { type Look, paint, type Span } from './text.ts'
import { localTimeText, momentText, relativeText, shortDurationText } from './time.ts'

export function fleetTable(fleets: readonly FleetView[], look: Look): string {
  return renderTable<FleetView>(
    [
      { title: 'FLEET', cell: ({ slug }) => slug, shrinksTo: 12 },
      { title: 'NAME', cell: ({ name }) => name, shrinksTo: 10, goes: 1 },
      { title: 'DEVICES', cell: ({ deviceCount }) => deviceCount },
      {
        title: 'BY STATUS',
        cell: ({ statusCounts }) => countSpans(statusCounts, look),
        shrinksTo: 20,
      },
      { title: 'TYPE', cell: ({ paidType }) => (paidType ? 'paid' : 'free'), hidden: true },
      { title: 'NUMBER', cell: ({ id }) => id, hidden: true },
      { title: 'CREATED', cell: ({ createdAt }) => localTimeText(createdAt, look), hidden: true },
    ],
    fleets,
    look,
  )
}

export function fleetCard(fleet: FleetView, look: Look): string {
  const counts = statusWords
    .filter((status) => (fleet.statusCounts[status] ?? 0) > 0)
    .map((status): Row => [String(fleet.statusCounts[status]), [statusSpan(status, look)]])
  const rows: Row[] = [
    ['slug', fleet.slug],
    ['number', `${fleet.id}  (devices register with it)`],
    ['type', fleet.paidType ? 'paid' : 'free'],
    ['created', momentText(fleet.createdAt, look)],
  ]
  return [
    `${paint([{ text: fleet.name, tone: 'strong' }], look.colour)}  ${countText(fleet)}`,
    ...renderSection('Statuses', counts, look),
    ...renderSection('Policy', fleetPolicyRows(fleet), look),
    ...renderSection('Fleet', rows, look),
  ].join('\n')
}

function fleetPolicyRows({ policy, policyOverrides }: FleetView): Row[] {
  return policyRows(policy, policyOverrides, 'fleet').map(([name, value, source]) => [
    name,
    [{ text: value }, { text: `  (${source})`, tone: 'quiet' }],
  ])
}

/** What of a fleet counts as a change of it. */
export const fleetMark = ({ name, statusCounts, paidType, policy }: FleetView) => [
  name,
  statusCounts,
  paidType,
  policy,
]

/** How the fleet is, in one line. */
export function fleetLine(fleet: FleetView, look: Look): string {
  const name: Span[] = [{ text: fleet.name, tone: 'strong' }, { text: ` (${fleet.slug}): ` }]
  return paint([...name, ...countSpans(fleet.statusCounts, look)], look.colour)
}

/** After a freeze or thaw: its devices follow one by one, so their counts would still be of before. */
export function fleetSwitchLine(fleet: FleetView, to: FleetSwitch, look: Look): string {
  const name: Span = { text: fleet.name, tone: 'strong' }
  const done = to === 'freeze' ? 'is frozen' : 'is thawed'
  const text = ` (${fleet.slug}) ${done}, with ${countText(fleet)}.`
  return paint([name, { text }], look.colour)
}

function countText({ deviceCount }: FleetView): string {
  return `${deviceCount} ${deviceCount === 1 ? 'device' : 'devices'}`
}

/** The fleet as it was; a time at which nobody listened is said first. */
export function fleetAtCard(view: FleetAtView, look: Look): string {
  const when = `${localTimeText(view.at, look)}, ${relativeText(view.at, look.now)}`
  const caution = view.listening
    ? []
    : paint(
        [{ text: 'The server was not listening then: this is what it knew before.', tone: 'warn' }],
        look.colour,
      )
  const table = renderTable<FleetAtView['items'][number]>(
    [
      { title: 'STATUS', cell: ({ status }) => [statusSpan(status, look)] },
      { title: 'NAME', cell: ({ name }) => name, shrinksTo: 10 },
      { title: 'UUID', cell: ({ uuid }) => (look.symbols ? uuid.slice(0, 7) : uuid) },
      { title: 'FOR', cell: ({ since }) => shortDurationText(view.at - since) },
      { title: 'HEARTBEAT', cell: ({ heartbeat }) => [heartbeatSpan(heartbeat, look)], goes: 1 },
      { title: 'CLOUDLINK', cell: ({ cloudlink }) => [cloudlinkSpan(cloudlink, look)], goes: 2 },
      {
        title: 'WHY',
        cell: ({ reasons }) => reasons.map(({ title }) => title).join('; '),
        shrinksTo: 16,
        goes: 3,
      },
    ],
    view.items,
    look,
  )
  const counts = paint(countSpans(view.statusCounts, look), look.colour)
  const title = paint([{ text: view.fleet, tone: 'strong' }], look.colour)
  return [`${title} at ${when}`, counts, ...[caution].flat(), '', table].join('\n')
}

export function provisioningKeyTable(keys: readonly ProvisioningKeyView[], look: Look): string {
  const moment = (at: number | null, none: string) =>
    at === null ? none : relativeText(at, look.now)
  return renderTable<ProvisioningKeyView>(
    [
      { title: 'ID', cell: ({ id }) => id },
      { title: 'KEY', cell: ({ prefix }) => `${prefix}…` },
      { title: 'STATE', cell: (key) => [keyStateSpan(key, look)] },
      { title: 'NAME', cell: ({ name }) => name ?? '', shrinksTo: 10 },
      { title: 'LAST USED', cell: ({ lastUsedAt }) => moment(lastUsedAt, 'never'), goes: 2 },
      { title: 'EXPIRES', cell: ({ expiresAt }) => moment(expiresAt, 'never'), goes: 1 },
      { title: 'CREATED', cell: ({ createdAt }) => moment(createdAt, ''), goes: 3 },
    ],
    keys,
    look,
  )
}

function keyStateSpan({ revokedAt, expiresAt }: ProvisioningKeyView, { now }: Look): Span {
  if (revokedAt !== null) return { text: 'revoked', tone: 'quiet' }
  if (expiresAt !== null && expiresAt <= now) return { text: 'expired', tone: 'quiet' }
  return { text: 'valid', tone: 'good' }
}

export function organizationCard(organization: OrganizationView, look: Look): string {
  const { name, plan, activeDeviceCount } = organization
  const allowance = plan.deviceAllowance
  const over = allowance !== null && activeDeviceCount > allowance
  const rows: Row[] = [
    ['active devices', [{ text: String(activeDeviceCount), tone: over ? 'bad' : undefined }]],
    ['allowance', allowance === null ? 'no limit' : String(allowance)],
    ['paid fleets', plan.allowsPaidFleets ? 'allowed' : 'not allowed'],
  ]
  const title = paint([{ text: name, tone: 'strong' }], look.colour)
  return [title, ...renderRows(rows, look, 2)].join('\n')
}
