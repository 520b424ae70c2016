// The command palette: with Ctrl-K or ⌘K from everywhere to any device, fleet or page, and to an action on
// a device. What is chosen is opened; an action is shown with what it will do, whether it works now and
// why not, before it is asked for, and then as it stands until it has ended.

import { Button } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { obstacles } from '@muster/core/action-availability.ts'
import { actionKinds, actionStates } from '@muster/core/actions.ts'
import type { AvailabilityView } from '@muster/core/actions-api.ts'
import type { FleetView } from '@muster/core/api.ts'
import { statusTokens } from '@muster/core/status-tokens.ts'
import { statuses } from '@muster/core/statuses.ts'
import { keepPreviousData, useMutation, useQuery } from '@tanstack/react-query'
import { useRouter } from '@tanstack/react-router'
import { type KeyboardEvent, useEffect, useId, useRef, useState } from 'react'
import { useMuster } from '../muster.tsx'
import { type DeviceAction, type Entry, maxDevices, offer, soughtIn } from '../view/palette.ts'
import { Failure, Loading } from './notices.tsx'

const typingMs = 150

export function Palette({ onClose }: { onClose(): void }) {
  const { words } = useMuster()
  const router = useRouter()
  const dialog = useRef<HTMLDialogElement>(null)
  const [text, setText] = useState('')
  const [chosen, setChosen] = useState<DeviceAction | null>(null)
  useEffect(() => {
    const element = dialog.current
    element?.showModal()
    return () => element?.close()
  }, [])
  const choose = (entry: Entry) => {
    if (entry.kind === 'begun') return setText(entry.text)
    if (entry.kind === 'action') return setChosen(entry)
    onClose()
    router.history.push(entry.href)
  }
  return (
    <dialog
      ref={dialog}
      className="dialog palette"
      aria-label={words.palette.title}
      onCancel={onClose}
      closedby="any"
    >
      {chosen ? (
        <Action of={chosen} onBack={() => setChosen(null)} />
      ) : (
        <Offers text={text} onText={setText} onChoose={choose} />
      )}
    </dialog>
  )
}

type OffersProps = { text: string; onText(text: string): void; onChoose(entry: Entry): void }

function Offers({ text, onText, onChoose }: OffersProps) {
  const { words } = useMuster()
  const id = useId()
  const list = useRef<HTMLDivElement>(null)
  const [at, setAt] = useState(0)
  const { entries, isSearching } = useOffers(text)
  const active = Math.min(at, entries.length - 1)
  useEffect(() => {
    list.current?.children[active]?.scrollIntoView({ block: 'nearest' })
  }, [active])
  const onKey = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (step) setAt((active + step + entries.length) % Math.max(1, entries.length))
    else if (event.key === 'Enter' && entries[active]) onChoose(entries[active])
    else return
    event.preventDefault()
  }
  return (
    <>
      <input
        role="combobox"
        aria-label={words.palette.title}
        aria-expanded="true"
        aria-controls={id}
        aria-autocomplete="list"
        aria-activedescendant={active >= 0 ? `${id}-${active}` : undefined}
        placeholder={words.palette.hint}
        value={text}
        maxLength={100}
        // biome-ignore lint/a11y/noAutofocus: a dialog gives the focus to what it is for
        autoFocus
        onKeyDown={onKey}
        onChange={(event) => {
          onText(event.currentTarget.value)
          setAt(0)
        }}
      />
      <div ref={list} id={id} role="listbox" tabIndex={-1} aria-label={words.palette.offers}>
        {entries.map((entry, index) => (
          <Offer
            key={`${entry.kind} ${keyOf(entry)}`}
            id={`${id}-${index}`}
            entry={entry}
            isActive={index === active}
            onChoose={() => onChoose(entry)}
          />
        ))}
      </div>
      <p className="quiet" role="status">
        {isSearching
          ? words.palette.searching
          : entries.length === 0
            ? words.palette.none
            : words.palette.offered(entries.length)}
        <span aria-hidden="true"> · {words.palette.keys}</span>
      </p>
    </>
  )
}

const keyOf = (entry: Entry): string =>
  entry.kind === 'action'
    ? `${entry.action} ${entry.uuid}`
    : 'href' in entry
      ? entry.href
      : entry.text

type OfferProps = { id: string; entry: Entry; isActive: boolean; onChoose(): void }

function Offer({ id, entry, isActive, onChoose }: OfferProps) {
  const { words } = useMuster()
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are those of the field that holds the focus
    <div
      id={id}
      role="option"
      aria-selected={isActive}
      tabIndex={-1}
      onClick={onChoose}
      onMouseDown={(event) => event.preventDefault()}
    >
      <span>{entry.title}</span>
      <span className="quiet">
        {entry.kind === 'device' && (
          <span data-tone={statusTokens[entry.status].tone}>
            <span aria-hidden="true">{statusTokens[entry.status].symbol}</span>{' '}
            {statuses[entry.status].title}{' '}
          </span>
        )}
        {'fleet' in entry ? entry.fleet : words.palette.kinds[entry.kind]}
      </span>
    </div>
  )
}

/** What fits the text; devices follow when typing rests and the server has answered. */
function useOffers(text: string): { entries: Entry[]; isSearching: boolean } {
  const { api, words } = useMuster()
  const fleets = useQuery({
    queryKey: ['fleets'],
    queryFn: async () => {
      const all: FleetView[] = []
      for await (const { items } of api.fleets.pages({ limit: 500 })) all.push(...items)
      return all
    },
  })
  const sought = soughtIn(text)
  const [q] = useDebouncedValue(sought, typingMs)
  const found = useQuery({
    queryKey: ['palette', q],
    queryFn: ({ signal }) => api.devices.page({ q, limit: maxDevices }, signal),
    enabled: q !== '',
    placeholderData: keepPreviousData,
  })
  const devices = sought === '' ? [] : (found.data?.items ?? [])
  const pages = [
    { kind: 'page', title: words.fleets, href: '/fleets' },
    { kind: 'page', title: words.devicesLink, href: '/devices' },
  ] as const
  return {
    entries: offer({ text, pages, fleets: fleets.data ?? [], devices }),
    isSearching: sought !== '' && (q !== sought || found.isFetching),
  }
}

type Available = AvailabilityView['items'][number]

function Action({ of, onBack }: { of: DeviceAction; onBack(): void }) {
  const { api, words } = useMuster()
  const { action, uuid, name } = of
  const title = words.palette.do(actionKinds[action].title, name)
  const available = useQuery({
    queryKey: ['available', uuid],
    queryFn: () => api.actions.available(uuid),
  })
  const run = useMutation({ mutationFn: () => api.actions.run(uuid, { kind: action }) })
  const row = available.data?.items.find(({ kind }) => kind === action)
  const error = run.error ?? available.error
  return (
    <div className="stack">
      <h2>{title}</h2>
      {row && <p>{row.effect}</p>}
      {run.data ? <Outcome id={run.data.id} /> : row && <Works row={row} />}
      {!row && !error && <Loading />}
      {error && <Failure error={error} />}
      <div className="line">
        {row && row.works !== 'no' && !run.data && (
          <Button autoFocus loading={run.isPending} onClick={() => run.mutate()}>
            {title}
          </Button>
        )}
        <Button variant="default" onClick={onBack}>
          {words.palette.back}
        </Button>
      </div>
    </div>
  )
}

function Works({ row }: { row: Available }) {
  const { words } = useMuster()
  if (row.works === 'now') return <p>{words.palette.arrivesNow[row.channel ?? 'heartbeat']}</p>
  return (
    <p data-tone={row.works === 'no' ? 'bad' : 'quiet'}>
      {row.why && `${obstacles[row.why].title}. `}
      {row.advice}
    </p>
  )
}

/** It is read again as the live stream says. */
function Outcome({ id }: { id: string }) {
  const { api } = useMuster()
  const { data } = useQuery({ queryKey: ['action', id], queryFn: () => api.actions.read(id) })
  const state = data && actionStates[data.state]
  return (
    <p role="status" data-state={data?.state}>
      <b>{state?.title}</b> {data?.result?.text || state?.about}
    </p>
  )
}
