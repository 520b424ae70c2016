// The two channels, side by side: the heartbeat that says the agent is well, and cloudlink over which the
// device is reached. Each with its state in a word, since when, the last and the next.

import type { DeviceView } from '@muster/core/api.ts'
import { linkSilentAfterMs } from '@muster/core/policy.ts'
import { cloudlinkTokens, heartbeatTokens, type Token } from '@muster/core/status-tokens.ts'
import type { ReactNode } from 'react'
import { useMuster } from '../muster.tsx'
import { spanText } from '../view/times.ts'
import { Ago, At, type Fact, Facts } from './device-parts.tsx'

type Props = { device: DeviceView }

export function DeviceChannels({ device }: Props) {
  const { words } = useMuster()
  return (
    <section className="channels" aria-label={words.devicePage.channels}>
      <Heartbeat device={device} />
      <Cloudlink device={device} />
    </section>
  )
}

function Heartbeat({ device }: Props) {
  const { words } = useMuster()
  const { state, since, lastAt, dueAt } = device.heartbeat
  const text = words.devicePage
  const { heartbeatIntervalMs } = device.policy
  const facts: Fact[] = [
    { name: text.since, value: <MaybeAt at={since} /> },
    { name: text.last, value: lastAt === null ? text.never : <Ago at={lastAt} /> },
    {
      name: text.following,
      value: <span>{text.expectedEvery(spanText(heartbeatIntervalMs))}</span>,
    },
    ...(dueAt === null
      ? []
      : [{ name: state === 'online' ? text.lateIf : text.lostIf, value: <Ago at={dueAt} /> }]),
  ]
  return (
    <Channel title={text.heartbeat} name="heartbeat" state={state} token={heartbeatTokens[state]}>
      <p className="quiet">{text.heartbeatSays[state]}</p>
      <Facts facts={facts} />
    </Channel>
  )
}

function Cloudlink({ device }: Props) {
  const { words } = useMuster()
  const { state, since } = device.cloudlink
  const text = words.devicePage
  const { cloudlinkKeepaliveMs, cloudlinkGraceMs } = device.policy
  const following = {
    connected: text.foundLost(spanText(linkSilentAfterMs(cloudlinkKeepaliveMs))),
    disconnected: cloudlinkGraceMs > 0 ? text.returnWithin(spanText(cloudlinkGraceMs)) : null,
    disabled: null,
  }[state]
  const facts: Fact[] = [
    { name: text.since, value: <MaybeAt at={since} /> },
    ...(state === 'connected' && device.lastContactAt !== null
      ? [{ name: text.lastSign, value: <Ago at={device.lastContactAt} /> }]
      : []),
    ...(following === null ? [] : [{ name: text.following, value: <span>{following}</span> }]),
  ]
  return (
    <Channel title={text.cloudlink} name="cloudlink" state={state} token={cloudlinkTokens[state]}>
      <p className="quiet">{text.cloudlinkSays[state]}</p>
      <Facts facts={facts} />
    </Channel>
  )
}

type ChannelProps = {
  title: string
  name: string
  state: string
  token: Token
  children: ReactNode
}

function Channel({ title, name, state, token, children }: ChannelProps) {
  return (
    <div className="channel" data-channel={name} data-state={state}>
      <h2>
        {title}{' '}
        <span className="word" data-tone={token.tone}>
          <span aria-hidden="true">{token.symbol}</span> {state}
        </span>
      </h2>
      {children}
    </div>
  )
}

function MaybeAt({ at }: { at: number | null }) {
  const { words } = useMuster()
  if (at === null) return <>{words.devicePage.never}</>
  return (
    <>
      <At at={at} />{' '}
      <span className="quiet">
        <Ago at={at} />
      </span>
    </>
  )
}
