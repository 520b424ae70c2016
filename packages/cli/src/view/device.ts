// Devices for people. The card answers in the order in which somebody woken at night asks: what is
// its status and since when, why, what happens next, what should I do; then everything else.

import type { DeviceView } from '@muster/core/api.ts'
import { statuses, updateStatuses } from '@muster/core/statuses.ts'
import { type Row, renderRows, renderSection } from './card.ts'
import { evidenceRows } from './evidence.ts'
import { factRows } from './facts.ts'
import { policyRows } from './policy.ts'
import { cloudlinkSpan, heartbeatSpan, statusSpans } from './status.ts'
import { type Column, renderTable } from './table.ts'
import { type Look, paint, type Span } from './text.ts'
import { durationText, localTimeText, momentText, relativeText, shortDurationText } from './time.ts'

export function deviceTable(
  devices: readonly DeviceView[],
  look: Look,
  shown: { fleet: boolean } = { fleet: true },
): string {
  const columns: Column<DeviceView>[] = [
    { title: 'STATUS', cell: ({ status }) => statusSpans(status, look) },
    { title: 'NAME', cell: ({ name }) => name, shrinksTo: 10 },
    { title: 'UUID', cell: ({ uuid, shortUuid }) => (look.symbols ? shortUuid : uuid) },
    { title: 'FLEET', cell: ({ fleet }) => fleet, shrinksTo: 8, goes: 3, hidden: !shown.fleet },
    { title: 'SINCE', cell: ({ status }) => shortDurationText(look.now - status.since) },
    {
      title: 'HEARTBEAT',
      cell: ({ heartbeat }) => [heartbeatSpan(heartbeat.state, look)],
      goes: 1,
    },
    {
      title: 'CLOUDLINK',
      cell: ({ cloudlink }) => [cloudlinkSpan(cloudlink.state, look)],
      goes: 2,
    },
    {
      title: 'WHY',
      cell: ({ status }) => status.reasons.map(({ title }) => title).join('; '),
      shrinksTo: 16,
      goes: 4,
    },
    { title: 'TYPE', cell: ({ deviceType }) => deviceType ?? '', hidden: true },
    { title: 'ADDRESS', cell: ({ lastAddress }) => lastAddress ?? '', hidden: true },
    {
      title: 'LAST HEARD',
      cell: ({ heartbeat }) =>
        heartbeat.lastAt === null ? 'never' : relativeText(heartbeat.lastAt, look.now),
      hidden: true,
    },
    {
      title: 'TAGS',
      cell: ({ tags }) =>
        Object.entries(tags)
          .map((tag) => tag.join('='))
          .join(' '),
      hidden: true,
    },
    { title: 'CREATED', cell: ({ createdAt }) => localTimeText(createdAt, look), hidden: true },
  ]
  return renderTable(columns, devices, look)
}

export function deviceCard(device: DeviceView, look: Look): string {
  const { status } = device
  const title = paint([{ text: device.name, tone: 'strong' }], look.colour)
  const rows: Row[] = [
    [
      'Status',
      [...statusSpans(status, look), { text: `  since ${momentText(status.since, look)}` }],
    ],
    ...status.reasons.map(({ title }, i): Row => [i === 0 ? 'Why' : 'and', title]),
    ['Next', nextText(device, look)],
    ...status.reasons.map(({ advice }, i): Row => [i === 0 ? 'Do' : 'and', advice]),
  ]
  return [
    `${title}  ${device.shortUuid}  in fleet ${device.fleet}`,
    '',
    ...renderRows(rows, look),
    ...status.reasons.flatMap(({ title, evidence }) =>
      renderSection(title, evidenceRows(evidence, look), look),
    ),
    ...renderSection('Channels', channelRows(device, look), look),
    ...renderSection('Device', identityRows(device, look), look),
    ...renderSection('Facts that it reported', factRows(device.facts), look),
    ...renderSection('Tags', Object.entries(device.tags), look),
    ...renderSection('Note', noteRows(device), look),
    ...renderSection('Policy', devicePolicyRows(device), look),
  ].join('\n')
}

const noteRows = ({ note }: DeviceView): Row[] =>
  (note ?? '')
    .split('\n')
    .filter(Boolean)
    .map((line): Row => ['', line])

/** What happens next by silence alone, when, and what would prevent it. */
export function nextText(device: DeviceView, look: Look): string {
  const { status, lapsesAt, lapsesTo } = device.status
  if (lapsesAt === null || lapsesTo === null) return `Stays so ${stayText(device)}.`
  const when =
    lapsesAt > look.now
      ? `in ${durationText(lapsesAt - look.now)} (${momentText(lapsesAt, look).split('(')[1]}`
      : 'at any moment'
  const title = statuses[lapsesTo]?.title ?? lapsesTo
  const what = lapsesTo === status ? `Still ${title}, for another reason,` : title
  return `${what} ${when} unless ${remedyText(device)}.`
}

function stayText({ status, heartbeat }: DeviceView): string {
  if (status.status === 'frozen') return 'until it thaws'
  if (status.status === 'inactive') return 'until its next contact'
  if (heartbeat.state === 'online') return 'as long as it is heard'
  return 'until it makes contact'
}

/** What averts the lapse: which deadline it is tells what was waited for. */
function remedyText({ status, heartbeat, cloudlink }: DeviceView): string {
  if (status.lapsesAt === heartbeat.dueAt) return 'a heartbeat arrives'
  if (status.reasons.some(({ code }) => code === 'goodbye')) return 'it comes back'
  const isWork = status.status === 'configuring' || status.status === 'updating'
  if (isWork && status.lapsesTo === status.status) return 'it makes progress'
  if (cloudlink.state === 'connected') return 'its cloudlink proves that it lives'
  return 'it makes contact'
}

function channelRows({ heartbeat, cloudlink, update }: DeviceView, look: Look): Row[] {
  const { lastAt, dueAt, state } = heartbeat
  const due = state === 'online' ? 'late' : 'lost'
  const seen = [
    lastAt === null ? 'none yet' : `last ${momentText(lastAt, look)}`,
    ...(dueAt === null ? [] : [`${due} ${relativeText(dueAt, look.now)}`]),
  ]
  const since: Span[] =
    cloudlink.since === null ? [] : [{ text: `  since ${momentText(cloudlink.since, look)}` }]
  const rows: Row[] = [
    ['heartbeat', [heartbeatSpan(state, look), { text: `  ${seen.join(', ')}` }]],
    ['cloudlink', [cloudlinkSpan(cloudlink.state, look), ...since]],
  ]
  if (!update) return rows
  const { title } = updateStatuses[update.updateStatus] ?? { title: update.updateStatus }
  return [...rows, ['update', `${title}  since ${momentText(update.since, look)}`]]
}

function identityRows(device: DeviceView, look: Look): Row[] {
  return [
    ['uuid', device.uuid],
    ['type', device.deviceType ?? 'not said'],
    ['last address', device.lastAddress ?? 'none yet'],
    ['created', momentText(device.createdAt, look)],
  ]
}

export function devicePolicyRows({ policy, policyOverrides }: DeviceView): Row[] {
  return policyRows(policy, policyOverrides, 'device').map(([name, value, source]) => [
    name,
    [{ text: value }, { text: `  (${source})`, tone: 'quiet' }],
  ])
}

/** One line after a change: what the device is now, and why. */
/** What of a device counts as a change of it; a heartbeat in time is none. */
export function deviceMark({ status, heartbeat, cloudlink, ...device }: DeviceView) {
  const codes = status.reasons.map(({ code }) => code)
  const progress = status.progress === null ? null : Math.floor(status.progress)
  const { name, fleet, tags, note, policy, update } = device
  const channels = [heartbeat.state, cloudlink.state]
  return [
    status.status,
    status.since,
    codes,
    progress,
    channels,
    name,
    fleet,
    tags,
    note,
    policy,
    update,
  ]
}

export function deviceLine(device: DeviceView, look: Look): string {
  const why = device.status.reasons[0]?.title
  return paint(
    [
      { text: device.name, tone: 'strong' },
      { text: ` (${device.shortUuid}) in fleet ${device.fleet}: ` },
      ...statusSpans(device.status, look),
      { text: why ? `. ${why}.` : '.' },
    ],
    look.colour,
  )
}
