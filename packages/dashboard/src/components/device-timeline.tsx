// The last hour, day or week of a device: its status and both channels as bars over one line of time, and
// hatched where we did not listen. A cursor, by pointer or arrow keys, says in words what was at a moment;
// the whole of it is the table of the history further down.

import type { DeviceView } from '@muster/core/api.ts'
import type { DeviceUptimeView } from '@muster/core/history-api.ts'
import { statusTokens } from '@muster/core/status-tokens.ts'
import { isStatus, statuses } from '@muster/core/statuses.ts'
import { type KeyboardEvent, memo, type PointerEvent, useMemo, useState } from 'react'
import { type CourseSpan, courseSpans, useCourse } from '../device-queries.ts'
import { useMuster, useServerNow } from '../muster.tsx'
import {
  barsOf,
  type Course,
  courseOf,
  type Lane,
  lanes,
  momentOf,
  type Period,
  percentOf,
  stepFrom,
  ticksOf,
} from '../view/device-course.ts'
import { momentText, spanText } from '../view/times.ts'
import { Refused, Section } from './device-parts.tsx'

const names = Object.keys(courseSpans) as CourseSpan[]
/** The right edge moves on in steps: each is less than a pixel of a day. */
const edgeMs = 10_000
/** No bar is narrower than this part of the whole. */
const leastPart = 1 / 500

export function DeviceTimeline({ device }: { device: DeviceView }) {
  const { words } = useMuster()
  const [span, setSpan] = useState<CourseSpan>('day')
  const { data, error } = useCourse(device.uuid, span)
  const text = words.devicePage
  const choices = (
    <span className="choices">
      {names.map((name) => (
        <button key={name} type="button" aria-pressed={name === span} onClick={() => setSpan(name)}>
          {text.courseSpans[name]}
        </button>
      ))}
    </span>
  )
  return (
    <Section
      title={text.course}
      name="course"
      beside={
        <>
          {data && <Sums uptime={data.uptime} />}
          {choices}
        </>
      }
    >
      {error && !data && <Refused error={error} />}
      {data ? (
        <>
          <Drawn {...data} />
          {data.isCut && <p className="quiet">{text.courseCut}</p>}
        </>
      ) : (
        !error && <div className="course-wait" role="status" aria-label={words.loading} />
      )}
    </Section>
  )
}

function Sums({ uptime }: { uptime: DeviceUptimeView }) {
  const { words } = useMuster()
  const { availablePercent, outageCount, longestOutageMs, listenedMs, from, to } = uptime
  const text = words.devicePage
  const unheardMs = to - from - listenedMs
  return (
    <span className="sums quiet">
      {availablePercent !== null && (
        <b>{text.availability(availablePercent.toFixed(availablePercent < 99.995 ? 2 : 0))}</b>
      )}
      <span>
        {outageCount === 0 ? text.noOutage : text.outages(outageCount, spanText(longestOutageMs))}
      </span>
      {unheardMs >= 1_000 && (
        <span>
          <span className="swatch" aria-hidden="true">
            <span className="unheard" />
          </span>
          {text.unlistened(spanText(unheardMs))}
        </span>
      )}
    </span>
  )
}

type Told = NonNullable<ReturnType<typeof useCourse>['data']>

function Drawn({ uptime, transitions }: Told) {
  const now = useServerNow()
  const latestAt = Math.max(uptime.to, transitions[0]?.at ?? 0)
  const untilAt = Math.max(latestAt, Math.floor(now / edgeMs) * edgeMs)
  const fromAt = uptime.from + (untilAt - uptime.to)
  const course = useMemo(
    () => courseOf(transitions, { fromAt, untilAt }, uptime.gaps),
    [transitions, uptime, fromAt, untilAt],
  )
  const [at, setAt] = useState<number | null>(null)
  return (
    <>
      <div className="course">
        {lanes.map((lane) => (
          <LaneName key={lane} lane={lane} />
        ))}
        <Cursor course={course} at={at} onMove={setAt} now={now} />
        <Ticks period={course.period} />
      </div>
      <Then course={course} at={at} now={now} />
    </>
  )
}

function LaneName({ lane }: { lane: Lane }) {
  const { words } = useMuster()
  return <span className="lane-name">{words.devicePage.lanes[lane]}</span>
}

type CursorProps = {
  course: Course
  at: number | null
  onMove(at: number | null): void
  now: number
}

function Cursor({ course, at, onMove, now }: CursorProps) {
  const { words } = useMuster()
  const { fromAt, untilAt } = course.period
  const shownAt = at ?? untilAt - 1
  const point = (event: PointerEvent<HTMLDivElement>) => {
    const { left, width } = event.currentTarget.getBoundingClientRect()
    const part = Math.min(1, Math.max(0, (event.clientX - left) / width))
    onMove(Math.min(untilAt - 1, Math.round(fromAt + part * (untilAt - fromAt))))
  }
  const press = (event: KeyboardEvent) => {
    const to = {
      ArrowLeft: () => stepFrom(course, shownAt, -1),
      ArrowRight: () => stepFrom(course, shownAt, 1),
      Home: () => fromAt,
      End: () => untilAt - 1,
      Escape: () => null,
    }[event.key]
    if (!to) return
    event.preventDefault()
    onMove(to())
  }
  return (
    <div
      className="lanes"
      role="slider"
      tabIndex={0}
      aria-label={words.devicePage.courseCursor}
      aria-valuemin={fromAt}
      aria-valuemax={untilAt}
      aria-valuenow={shownAt}
      aria-valuetext={`${momentText(shownAt, now)}: ${useThenText(course, shownAt)}`}
      onPointerMove={point}
      onPointerDown={point}
      onPointerLeave={() => onMove(null)}
      onKeyDown={press}
      onBlur={() => onMove(null)}
    >
      <Lanes course={course} />
      {at !== null && (
        <span className="cursor" style={{ left: `${percentOf(course.period, at)}%` }} />
      )}
    </div>
  )
}

const Lanes = memo(function Lanes({ course }: { course: Course }) {
  const { period, gaps } = course
  const leastMs = (period.untilAt - period.fromAt) * leastPart
  return (
    <>
      {lanes.map((lane) => (
        <div key={lane} className="lane" data-lane={lane}>
          {barsOf(course, lane, leastMs).map(({ fromAt, untilAt, word, tone, symbol }) => (
            <span
              key={fromAt}
              data-tone={tone}
              data-word={word}
              style={placeOf(period, fromAt, untilAt)}
            >
              {lane === 'status' && untilAt - fromAt > 10 * leastMs && <b>{symbol}</b>}
            </span>
          ))}
        </div>
      ))}
      {gaps.map(({ from, to }) => (
        <span
          key={from}
          className="unheard"
          data-gap={to - from < leastMs ? 'short' : 'long'}
          style={placeOf(period, from, to)}
        />
      ))}
    </>
  )
})

function placeOf(period: Period, fromAt: number, untilAt: number) {
  const left = percentOf(period, fromAt)
  return { left: `${left}%`, width: `${percentOf(period, untilAt) - left}%` }
}

function Ticks({ period }: { period: Period }) {
  const isLong = period.untilAt - period.fromAt > 2 * courseSpans.day
  const label = (at: number) =>
    isLong
      ? new Date(at).toLocaleDateString(undefined, { weekday: 'short', day: 'numeric' })
      : new Date(at).toLocaleTimeString(undefined, {
          hour: '2-digit',
          minute: '2-digit',
          hour12: false,
        })
  return (
    <div className="ticks" aria-hidden="true">
      {ticksOf(period, 8)
        .map((at) => ({ at, percent: percentOf(period, at) }))
        .filter(({ percent }) => percent > 3 && percent < 97)
        .map(({ at, percent }) => (
          <span key={at} style={{ left: `${percent}%` }}>
            {label(at)}
          </span>
        ))}
    </div>
  )
}

function useThenText(course: Course, at: number): string {
  const { words } = useMuster()
  const { stay, gap } = momentOf(course, at)
  const text = words.devicePage
  if (!stay) return gap ? text.notListening : text.notThen
  const { to, heartbeat, cloudlink, reasons } = stay.transition
  const parts = [
    isStatus(to) ? statuses[to].title : to,
    ...reasons.map(({ title }) => title),
    `${text.heartbeat} ${heartbeat}`,
    `${text.cloudlink} ${cloudlink}`,
    ...(gap ? [text.notListening] : []),
  ]
  return parts.join('. ')
}

function Then({ course, at, now }: { course: Course; at: number | null; now: number }) {
  const { words } = useMuster()
  const text = words.devicePage
  if (at === null) return <p className="then quiet">{text.courseHint}</p>
  const { stay, gap } = momentOf(course, at)
  return (
    <p className="then">
      <b>{momentText(at, now)}</b>{' '}
      {stay ? (
        <>
          <span data-tone={statusTokens[stay.transition.to].tone}>
            <span aria-hidden="true">{statusTokens[stay.transition.to].symbol}</span>{' '}
            {statuses[stay.transition.to].title}
          </span>{' '}
          {text.sinceAgo(momentText(stay.transition.at, now), spanText(at - stay.transition.at))}.{' '}
          {stay.transition.reasons.map(({ title }) => title).join('. ')}.{' '}
          <span className="quiet">
            {text.heartbeat} {stay.transition.heartbeat}, {text.cloudlink}{' '}
            {stay.transition.cloudlink}.
          </span>
        </>
      ) : (
        !gap && text.notThen
      )}{' '}
      {gap && <span data-tone="warn">{text.notListening}</span>}
    </p>
  )
}
