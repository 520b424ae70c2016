// What can be asked of the device: each action with whether it works now, would come with the next heartbeat,
// or why not; and those that were asked for, with how they stand and what proves it, as it happens.

import { Button } from '@mantine/core'
import { actionStates } from '@muster/core/actions.ts'
import type { ActionCreate, ActionView } from '@muster/core/actions-api.ts'
import type { DeviceView } from '@muster/core/api.ts'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { deviceKey, followsLive } from '../device-queries.ts'
import { useMuster, useServerNow } from '../muster.tsx'
import {
  actionTokens,
  canCancel,
  isOver,
  type Offer,
  obstacleOf,
  offerTone,
} from '../view/device-actions.ts'
import { spanText } from '../view/times.ts'
import { Ago, Facts, Refused, Section, Waiting } from './device-parts.tsx'
import { Dialog } from './dialog.tsx'

type Props = { device: DeviceView }

const lookMs = 10_000
const recentCount = 8

export function useOffers(uuid: string) {
  const { api } = useMuster()
  return useQuery({
    queryKey: deviceKey(uuid, 'available'),
    queryFn: () => api.actions.available(uuid),
    refetchInterval: lookMs,
    ...followsLive,
  })
}

export function useRun({ uuid }: DeviceView) {
  const { api } = useMuster()
  const queries = useQueryClient()
  return useMutation({
    mutationFn: (asked: ActionCreate) => api.actions.run(uuid, asked),
    onSuccess: () => queries.invalidateQueries({ queryKey: deviceKey(uuid, 'actions') }),
  })
}

export function DeviceActions({ device }: Props) {
  const { words } = useMuster()
  const { data, error, isPending } = useOffers(device.uuid)
  const text = words.devicePage
  const offers = data?.items.filter(({ takes }) => takes === null) ?? []
  const common = offers[0]
  return (
    <Section title={text.actions} name="actions">
      {error && !data && <Refused error={error} />}
      {isPending && <Waiting />}
      {common && <Works offer={common} />}
      <ul className="offers">
        {offers.map((offer) => (
          <OfferItem
            key={offer.kind}
            offer={offer}
            device={device}
            isCommon={isSameOffer(offer, common)}
          />
        ))}
      </ul>
      <Recent device={device} />
    </Section>
  )
}

/** What holds for the first is told once, above them all. */
const isSameOffer = (a: Offer, b: Offer | undefined) =>
  a.works === b?.works && a.channel === b.channel && a.why === b.why

function OfferItem({ offer, device, isCommon }: Props & { offer: Offer; isCommon: boolean }) {
  const { words } = useMuster()
  const [isAsked, setIsAsked] = useState(false)
  const run = useRun(device)
  const ask = () => (offer.asksFirst ? setIsAsked(true) : run.mutate({ kind: offer.kind }))
  return (
    <li data-offer={offer.kind} data-works={offer.works}>
      <Button
        size="xs"
        variant="default"
        disabled={offer.works === 'no'}
        loading={run.isPending}
        onClick={ask}
      >
        {offer.asksFirst ? words.devicePage.asksMore(offer.title) : offer.title}
      </Button>
      <div>
        <p>{offer.effect}</p>
        {!isCommon && <Works offer={offer} />}
        {run.error && !isAsked && <Refused error={run.error} />}
      </div>
      {isAsked && <ConfirmAction offer={offer} device={device} onClose={() => setIsAsked(false)} />}
    </li>
  )
}

/** Whether it works now, when it would arrive, or why not and what to do. */
export function Works({ offer }: { offer: Offer }) {
  const { words } = useMuster()
  const now = useServerNow()
  const text = words.devicePage
  const why = obstacleOf(offer)
  const { works, channel, arrivesAt, advice } = offer
  const inTime = arrivesAt === null ? '' : text.inTime(spanText(Math.max(0, arrivesAt - now)))
  const said =
    works === 'no'
      ? text.worksNot
      : works === 'later'
        ? text.worksLater
        : channel === 'heartbeat'
          ? text.worksByHeartbeat(inTime)
          : text.worksNow
  return (
    <p className="works">
      <span data-tone={offerTone(offer)}>{said}</span>
      {why && (
        <span className="quiet">
          {' '}
          {why}. {advice}
        </span>
      )}
    </p>
  )
}

type ConfirmProps = Props & { offer: Offer; service?: string; onClose(): void }

export function ConfirmAction({ offer, device, service, onClose }: ConfirmProps) {
  const { words } = useMuster()
  const run = useRun(device)
  const text = words.devicePage
  const go = () =>
    run.mutate({ kind: offer.kind, ...(service ? { service } : {}) }, { onSuccess: onClose })
  return (
    <Dialog title={text.actionOf(offer.title, service ?? device.name)} onClose={onClose}>
      <div className="stack">
        <p>{offer.effect}</p>
        <Works offer={offer} />
        <p className="quiet">{text.provedBy(offer.proof)}</p>
        {run.error && <Refused error={run.error} />}
        <div className="line">
          <Button color="red.9" loading={run.isPending} onClick={go}>
            {offer.title}
          </Button>
          <Button variant="default" onClick={onClose}>
            {words.cancel}
          </Button>
        </div>
      </div>
    </Dialog>
  )
}

function Recent({ device }: Props) {
  const { api, words } = useMuster()
  const { data, error } = useQuery({
    queryKey: deviceKey(device.uuid, 'actions'),
    queryFn: async () => {
      for await (const { items } of api.actions.ofDevice(device.uuid, { limit: recentCount }))
        return items
      return []
    },
    refetchInterval: ({ state }) => (state.data?.every(isOver) ? false : lookMs / 5),
    ...followsLive,
  })
  const text = words.devicePage
  const latest = data?.[0]
  if (error && !data) return <Refused error={error} />
  if (!latest) return null
  return (
    <div className="recent">
      <h3>{text.recentActions}</h3>
      <p className="sr-only" role="status">
        {latest.title}: {actionStates[latest.state].title}
      </p>
      <ul>
        {data.map((action) => (
          <ActionItem key={action.id} action={action} />
        ))}
      </ul>
    </div>
  )
}

function ActionItem({ action }: { action: ActionView }) {
  const { api, words } = useMuster()
  const queries = useQueryClient()
  const text = words.devicePage
  const { symbol, tone } = actionTokens[action.state]
  const cancel = useMutation({
    mutationFn: () => api.actions.cancel(action.id),
    onSettled: () => queries.invalidateQueries({ queryKey: deviceKey(action.uuid, 'actions') }),
  })
  const proof = Object.entries(action.result?.proof ?? {})
  return (
    <li data-action={action.kind} data-state={action.state}>
      <div className="action-line">
        <span>
          <b>{action.title}</b> {action.service}
        </span>
        <span data-tone={tone} title={actionStates[action.state].about}>
          <span aria-hidden="true">{symbol}</span> {actionStates[action.state].title}
          {action.channel && !isOver(action) ? `, ${text.over[action.channel]}` : ''}
        </span>
        <span className="quiet">
          <Ago at={action.endedAt ?? action.createdAt} />, {text.byWhom(action.by)}
        </span>
        {canCancel(action) && (
          <button type="button" className="link" onClick={() => cancel.mutate()}>
            {text.takeBack}
          </button>
        )}
      </div>
      {action.result && (
        <p>
          {action.result.text}
          {action.result.code && <code> {action.result.code}</code>}
        </p>
      )}
      {proof.length > 0 && (
        <details>
          <summary>{text.proof}</summary>
          <Facts facts={proof.map(([name, value]) => ({ name, value }))} />
        </details>
      )}
      {cancel.error && <Refused error={cancel.error} />}
    </li>
  )
}
