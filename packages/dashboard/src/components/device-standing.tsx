// How the device stands, in large: the status, since when, what happens next and when, and why, with what
// is known and what to do. Only the status itself is announced to those who cannot see it change.

import type { DeviceView } from '@muster/core/api.ts'
import { statusTokens } from '@muster/core/status-tokens.ts'
import { statuses, updateStatuses } from '@muster/core/statuses.ts'
import { useLive, useMuster, useServerNow } from '../muster.tsx'
import { instantText } from '../view/device-columns.ts'
import { evidenceOf, nextOf, type Said } from '../view/device-standing.ts'
import { momentText, spanText } from '../view/times.ts'
import { Ago, At, type Fact, Facts } from './device-parts.tsx'

type Props = { device: DeviceView }

export function DeviceStanding({ device }: Props) {
  const { words } = useMuster()
  const { state } = useLive()
  const { status, progress, reasons } = device.status
  const { symbol, tone } = statusTokens[status]
  const text = words.devicePage
  return (
    <section className="standing" data-tone-edge={tone} aria-label={text.status}>
      {state === 'lost' && (
        <p className="old" data-tone="bad">
          {text.old}
        </p>
      )}
      <div className="verdict">
        <div>
          <p className="big" role="status" data-tone={tone} data-status={status}>
            <span aria-hidden="true">{symbol}</span> {statuses[status].title}
          </p>
          <Since at={device.status.since} />
          <p className="quiet">{text.meanings[status]}</p>
          {status !== 'updating' && <Update device={device} />}
        </div>
        <Next device={device} />
      </div>
      {progress !== null && <Progress percent={progress} device={device} />}
      <h2 className="sr-only">{text.why}</h2>
      <ul className="reasons">
        {reasons.map((reason) => (
          <ReasonItem key={reason.code} reason={reason} />
        ))}
      </ul>
    </section>
  )
}

function Since({ at }: { at: number }) {
  const { words } = useMuster()
  const now = useServerNow()
  return (
    <p title={instantText(at)}>
      {words.devicePage.sinceAgo(momentText(at, now), spanText(now - at))}
    </p>
  )
}

function Update({ device }: Props) {
  const { words } = useMuster()
  const now = useServerNow()
  const { update } = device
  if (!update) return null
  const { title } = updateStatuses[update.updateStatus]
  return (
    <p className="quiet" title={instantText(update.since)}>
      {words.devicePage.updateSince(title, spanText(now - update.since))}
    </p>
  )
}

/** Counts down to the change that silence alone would bring. */
function Next({ device }: Props) {
  const { words } = useMuster()
  const { state } = useLive()
  const now = useServerNow()
  const next = nextOf(device)
  const text = words.devicePage
  if (state === 'lost') return null
  if (!next)
    return (
      <div className="next">
        <h2>{text.next}</h2>
        <p>{device.heartbeat.dueAt === null ? text.nothingUntilHeard : text.nothingNext}</p>
      </div>
    )
  const isStatus = next.to in statusTokens
  const to = next.to as keyof typeof statusTokens
  const title = isStatus ? statuses[to].title : text.within[next.to as keyof typeof text.within]
  const leftMs = next.at - now
  return (
    <div className="next" data-next={next.to}>
      <h2>{text.next}</h2>
      <p>
        <b data-tone={isStatus ? statusTokens[to].tone : 'warn'}>
          {isStatus && <span aria-hidden="true">{statusTokens[to].symbol} </span>}
          {title}
        </b>{' '}
        <span role="timer" className="count">
          {leftMs > 500 ? text.ahead(spanText(leftMs)) : text.anyMoment}
        </span>
      </p>
      <p className="quiet">{text.unless[next.unless]}</p>
    </div>
  )
}

function Progress({ percent, device }: Props & { percent: number }) {
  const { words } = useMuster()
  const { status } = device.status
  const text = words.devicePage
  return (
    <div className="progress" data-tone={statusTokens[status].tone}>
      <progress max={100} value={percent} aria-label={text.progress} />
      <span>{text.percent(percent)}</span>
      {device.update && status === 'updating' && (
        <span>{updateStatuses[device.update.updateStatus].title}</span>
      )}
    </div>
  )
}

function ReasonItem({ reason }: { reason: DeviceView['status']['reasons'][number] }) {
  const { words } = useMuster()
  const text = words.devicePage
  const facts = evidenceOf(reason.evidence).map(
    (said): Fact => ({
      name: text.evidence[said.name] ?? said.name,
      value: <SaidText said={said} />,
    }),
  )
  return (
    <li data-reason={reason.code}>
      <h3>{reason.title}</h3>
      {facts.length > 0 && <Facts facts={facts} />}
      <p className="advice">{reason.advice}</p>
    </li>
  )
}

function SaidText({ said }: { said: Said }) {
  if (said.kind === 'span') return <>{spanText(said.ms)}</>
  if (said.kind === 'text') return <>{said.text}</>
  return (
    <>
      <Ago at={said.at} />{' '}
      <span className="quiet">
        <At at={said.at} />
      </span>
    </>
  )
}
