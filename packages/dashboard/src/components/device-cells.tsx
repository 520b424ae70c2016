// What stands in the cells of the table of devices. Everything has a word beside its sign and its colour;
// what is behind it (since when, the last, the next) is told on hover and to screen readers.

import type { DeviceView } from '@muster/core/api.ts'
import { cloudlinkTokens, heartbeatTokens, statusTokens } from '@muster/core/status-tokens.ts'
import { statuses, updateStatuses } from '@muster/core/statuses.ts'
import { useNavigate } from '@tanstack/react-router'
import { type MouseEvent, useState } from 'react'
import { useMuster } from '../muster.tsx'
import { durationText, instantText, plainText, tagText } from '../view/device-columns.ts'
import type { Words } from '../words.ts'

export type CellProps = { device: DeviceView; now: number }

export function DeviceCell({ device, now, name }: CellProps & { name: string }) {
  if (name === 'name') return <Name device={device} />
  if (name === 'uuid') return <Uuid uuid={device.uuid} short={device.shortUuid} />
  if (name === 'status') return <StatusCell device={device} now={now} />
  if (name === 'since') return <Ago at={device.status.since} now={now} />
  if (name === 'reason') return <Reasons device={device} />
  if (name === 'heartbeat') return <Heartbeat device={device} now={now} />
  if (name === 'cloudlink') return <Cloudlink device={device} now={now} />
  if (name === 'lastContact') return <Ago at={device.lastContactAt} now={now} />
  if (name === 'created') return <Ago at={device.createdAt} now={now} />
  if (name === 'update') return <Update device={device} now={now} />
  if (name === 'tags') return <Tags tags={device.tags} />
  const text = plainText(device, name)
  return <span title={text}>{text}</span>
}

/** Opens the page of a device within this page; with a key held, the browser decides. */
export function useOpenDevice() {
  const navigate = useNavigate()
  return (uuid: string) => void navigate({ to: '/devices/$uuid', params: { uuid } })
}

function Name({ device }: { device: DeviceView }) {
  const open = useOpenDevice()
  const follow = (event: MouseEvent) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return
    event.preventDefault()
    open(device.uuid)
  }
  const isFrozen = device.status.status === 'frozen'
  return (
    <>
      {isFrozen && (
        <span className="flake" data-tone="cold" aria-hidden="true">
          ❄
        </span>
      )}
      <a href={`/devices/${device.uuid}`} tabIndex={-1} title={device.name} onClick={follow}>
        {device.name}
      </a>
    </>
  )
}

function Uuid({ uuid, short }: { uuid: string; short: string }) {
  const { clock, words } = useMuster()
  const [copied, setCopied] = useState(false)
  const copy = async () => {
    await navigator.clipboard.writeText(uuid)
    setCopied(true)
    clock.after(1_500, () => setCopied(false))
  }
  return (
    <button
      type="button"
      className="copy"
      tabIndex={-1}
      title={words.devicesPage.copy(uuid)}
      onClick={() => void copy()}
    >
      <code>{short}</code>{' '}
      {copied ? <span role="status">{words.devicesPage.copied}</span> : <TwoSheets />}
    </button>
  )
}

function TwoSheets() {
  return (
    <svg className="sheets" viewBox="0 0 16 16" aria-hidden="true">
      <path d="M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3" />
    </svg>
  )
}

function StatusCell({ device, now }: CellProps) {
  const { words } = useMuster()
  const { status, since, reasons, progress } = device.status
  const { tone, symbol } = statusTokens[status]
  const why = reasons.map(({ title }) => title)
  const says = [words.devicesPage.since(agoText(since, now, words)), instantText(since), ...why]
  return (
    <span className="status" data-tone={tone} data-status={status} title={says.join('\n')}>
      <span aria-hidden="true">{symbol}</span> {statuses[status].title}
      {progress !== null && <Progress percent={progress} />}
    </span>
  )
}

function Progress({ percent }: { percent: number }) {
  const { words } = useMuster()
  return (
    <>
      <span className="track" aria-hidden="true">
        <span style={{ width: `${percent}%` }} />
      </span>
      <span className="percent">{words.devicesPage.progress(percent)}</span>
    </>
  )
}

function Heartbeat({ device, now }: CellProps) {
  const { words } = useMuster()
  const { state, since, lastAt, dueAt } = device.heartbeat
  const says = [
    since !== null && words.devicesPage.since(agoText(since, now, words)),
    lastAt !== null && words.devicesPage.last(agoText(lastAt, now, words)),
    dueAt !== null && words.devicesPage.due(instantText(dueAt)),
  ]
  return <Channel {...heartbeatTokens[state]} state={state} says={says} />
}

function Cloudlink({ device, now }: CellProps) {
  const { words } = useMuster()
  const { state, since } = device.cloudlink
  const says = [since !== null && words.devicesPage.since(agoText(since, now, words))]
  return <Channel {...cloudlinkTokens[state]} state={state} says={says} />
}

type ChannelProps = { symbol: string; tone: string; state: string; says: (string | false)[] }

function Channel({ symbol, tone, state, says }: ChannelProps) {
  return (
    <span data-tone={tone} title={says.filter(Boolean).join('\n')}>
      <span aria-hidden="true">{symbol}</span> {state}
    </span>
  )
}

function Update({ device, now }: CellProps) {
  const { words } = useMuster()
  const { update } = device
  if (!update) return null
  const ago = agoText(update.since, now, words)
  return (
    <span title={instantText(update.since)}>
      {updateStatuses[update.updateStatus].title} <span className="quiet">{ago}</span>
    </span>
  )
}

function Reasons({ device }: { device: DeviceView }) {
  const text = device.status.reasons.map(({ title }) => title).join(' · ')
  return <span title={text}>{text}</span>
}

function Tags({ tags }: { tags: DeviceView['tags'] }) {
  const texts = Object.entries(tags).map(tagText)
  return (
    <span className="tags" title={texts.join('\n')}>
      {texts.map((text) => (
        <span key={text}>{text}</span>
      ))}
    </span>
  )
}

function Ago({ at, now }: { at: number | null; now: number }) {
  const { words } = useMuster()
  if (at === null) return <span className="quiet">{words.devicesPage.never}</span>
  return <span title={instantText(at)}>{agoText(at, now, words)}</span>
}

function agoText(at: number, now: number, words: Words): string {
  return words.devicesPage.ago(durationText(now - at))
}
