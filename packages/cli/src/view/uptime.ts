// Uptime and differences for people.

import type { FleetChangesView } from '@muster/core/fleet-changes-api.ts'
import type {
  DeviceUptimeItem,
  DeviceUptimeView,
  DifferenceView,
  FleetUptimeView,
  HistoryLimitsView,
  TimelineView,
} from '@muster/core/history-api.ts'
import { statusWords } from '@muster/core/statuses.ts'
import type { Times } from '@muster/core/uptime.ts'
import { type Row, renderSection } from './card.ts'
import { countSpans, statusSpan } from './status.ts'
import { renderTable } from './table.ts'
import { type Look, paint, type Span } from './text.ts'
import { durationText, localTimeText, momentText } from './time.ts'

export function percentText(percent: number | null): string {
  if (percent === null) return 'not expected to work'
  // Never rounded up to a whole that it was not.
  return `${(Math.floor(percent * 1_000) / 1_000).toString()} %`
}

const shareText = (ms: number, ofMs: number) =>
  `${durationText(ms)}  (${percentText(ofMs === 0 ? 0 : (100 * ms) / ofMs)})`

function timesSections({ countedMs, statusMs, heartbeatMs, cloudlinkMs }: Times, look: Look) {
  const statuses = statusWords
    .filter((status) => statusMs[status] > 0)
    .map(
      (status): Row => [
        statusSpan(status, { ...look, symbols: false }).text,
        shareText(statusMs[status], countedMs),
      ],
    )
  const channel = (times: Record<string, number>) =>
    Object.entries(times)
      .filter(([, ms]) => ms > 0)
      .map(([state, ms]): Row => [state, shareText(ms, countedMs)])
  return [
    ...renderSection('Statuses', statuses, look),
    ...renderSection('Heartbeat', channel(heartbeatMs), look),
    ...renderSection('Cloudlink', channel(cloudlinkMs), look),
  ]
}

type Whole = { from: number; to: number; listenedMs: number; availablePercent: number | null }

function headOf(name: string, whole: Whole, look: Look): string[] {
  const { from, to, listenedMs, availablePercent } = whole
  const head: Span[] = [
    { text: name, tone: 'strong' },
    { text: ` was available ${percentText(availablePercent)}` },
  ]
  const unheardMs = to - from - listenedMs
  const gaps = `The server did not listen for ${durationText(unheardMs)} of it, which counts for nobody.`
  return [
    paint(head, look.colour),
    `${localTimeText(from, look)} to ${localTimeText(to, look)}`,
    ...(unheardMs > 0 ? [gaps] : []),
  ]
}

export function deviceUptimeCard(uptime: DeviceUptimeView, look: Look): string {
  const { outageCount, longestOutageMs } = uptime
  const outages: Row[] = [
    ['outages', String(outageCount)],
    ['the longest', durationText(longestOutageMs)],
  ]
  return [
    ...headOf(uptime.name, uptime, look),
    ...timesSections(uptime, look),
    ...renderSection('Disconnected', outages, look),
  ].join('\n')
}

export function fleetUptimeCard(uptime: FleetUptimeView, look: Look): string {
  const { fleet, worst } = uptime
  const table =
    worst === null
      ? ['', 'Too much happened to rank its devices at once; --devices lists each of them.']
      : worst.length > 0
        ? ['', 'The least available:', uptimeTable(worst, look)]
        : []
  return [...headOf(fleet, uptime, look), ...timesSections(uptime, look), ...table].join('\n')
}

export function uptimeTable(items: readonly DeviceUptimeItem[], look: Look): string {
  return renderTable<DeviceUptimeItem>(
    [
      { title: 'AVAILABLE', cell: ({ availablePercent }) => percentText(availablePercent) },
      { title: 'NAME', cell: ({ name }) => name, shrinksTo: 10 },
      { title: 'UUID', cell: ({ uuid }) => (look.symbols ? uuid.slice(0, 7) : uuid) },
      { title: 'DISCONNECTED', cell: ({ statusMs }) => durationText(statusMs.disconnected) },
      { title: 'OUTAGES', cell: ({ outageCount }) => String(outageCount), goes: 2 },
      { title: 'LONGEST', cell: ({ longestOutageMs }) => durationText(longestOutageMs), goes: 1 },
    ],
    items,
    look,
  )
}

export function differenceCard(view: DifferenceView, look: Look): string {
  const counts = (title: string, at: number, of: DifferenceView['before']): string =>
    `${title} ${localTimeText(at, look)}  ${paint(countSpans(of, look), look.colour)}`
  const status = (then: DifferenceView['items'][number]['before'], none: string): Span[] =>
    then ? [statusSpan(then.status, look)] : [{ text: none, tone: 'quiet' }]
  const table = renderTable<DifferenceView['items'][number]>(
    [
      { title: 'NAME', cell: ({ name }) => name, shrinksTo: 10 },
      { title: 'UUID', cell: ({ uuid }) => (look.symbols ? uuid.slice(0, 7) : uuid), goes: 2 },
      { title: 'BEFORE', cell: ({ before }) => status(before, 'not there') },
      { title: 'AFTER', cell: ({ after }) => status(after, 'left') },
      {
        title: 'WHY',
        cell: ({ after }) => (after?.reasons ?? []).map(({ title }) => title).join('; '),
        shrinksTo: 16,
        goes: 1,
      },
    ],
    view.items,
    look,
  )
  return [
    paint([{ text: view.fleet, tone: 'strong' }], look.colour),
    counts('before', view.from, view.before),
    counts('after ', view.to, view.after),
    '',
    view.items.length > 0 ? table : 'No device has another status.',
  ].join('\n')
}

export function timelineTable({ points }: TimelineView, look: Look): string {
  return renderTable<TimelineView['points'][number]>(
    [
      { title: 'AT', cell: ({ at }) => localTimeText(at, look) },
      { title: 'BY STATUS', cell: ({ statusCounts }) => countSpans(statusCounts, look) },
      { title: '', cell: ({ listening }) => (listening ? '' : 'not listening') },
    ],
    points,
    look,
  )
}

export function fleetChangesTable({ since, items }: FleetChangesView, look: Look): string {
  const table = renderTable<FleetChangesView['items'][number]>(
    [
      { title: 'FLEET', cell: ({ fleet }) => fleet, shrinksTo: 10 },
      { title: 'CHANGES', cell: ({ changeCount }) => String(changeCount) },
      { title: 'BY STATUS', cell: ({ net }) => netSpans(net, look) },
    ],
    items,
    look,
  )
  const from = `Since ${localTimeText(since, look)}`
  return items.length > 0 ? `${from}\n\n${table}` : `${from} no status has changed.`
}

/** How many more, or fewer, have each status. */
function netSpans(net: FleetChangesView['items'][number]['net'], look: Look): Span[] {
  const present = statusWords.filter((status) => net[status] !== undefined)
  if (present.length === 0) return [{ text: 'as many of each as then', tone: 'quiet' }]
  return present.flatMap((status, i) => {
    const { text, tone } = statusSpan(status, { ...look, symbols: false })
    const count = net[status]!
    const span: Span = {
      text: `${count > 0 ? '+' : '−'}${Math.abs(count)} ${text}`,
      ...(tone ? { tone } : {}),
    }
    return i === 0 ? [span] : [{ text: ', ' }, span]
  })
}

export function limitsText({ keptDays, keptFrom }: HistoryLimitsView, look: Look): string {
  const from = keptFrom === 0 ? 'all of it is there' : `it begins ${momentText(keptFrom, look)}`
  return `The history is kept for ${keptDays} days; ${from}.`
}
