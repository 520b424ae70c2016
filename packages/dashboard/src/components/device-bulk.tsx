// One change to many devices: what is selected, what is to be done, what would come of it, and how far it
// is. Nothing is changed before its preview was seen, and should more match by then, nothing at all.

import { Button, NativeSelect, TextInput } from '@mantine/core'
import {
  type BulkKind,
  type BulkOperationView,
  type BulkOrder,
  type BulkPreview,
  bulkKinds,
  bulkStates,
  hasEnded,
} from '@muster/core/bulk-api.ts'
import { useMutation, useQuery } from '@tanstack/react-query'
import { type FormEvent, useEffect, useState } from 'react'
import { useMuster } from '../muster.tsx'
import {
  harmful,
  isTold,
  needsCount,
  offeredKinds,
  type Told,
  whyNot,
  writeOrder,
} from '../view/bulk-order.ts'
import { noSelection, type Selection, selectedCount } from '../view/device-selection.ts'
import { Dialog } from './dialog.tsx'
import { Failure, Loading } from './notices.tsx'

type BarProps = {
  selection: Selection
  onSelect(next: Selection): void
  total: number | null
  filter: string
  q: string
}

export function SelectionBar({ selection, onSelect, total, filter, q }: BarProps) {
  const { words } = useMuster()
  const [kind, setKind] = useState<BulkKind | null>(null)
  const text = words.devicesPage
  const count = selectedCount(selection, total)
  if (count === 0) return null
  return (
    // biome-ignore lint/a11y/useSemanticElements: it groups what is done with a selection, not fields.
    <div className="selection" role="group" aria-label={text.selection}>
      <b role="status">{count === null ? text.allSelected : text.selected(count)}</b>
      {selection.kind === 'some' && q === '' && (total ?? Infinity) > (count ?? 0) && (
        <button
          type="button"
          className="link"
          onClick={() => onSelect({ kind: 'matching', filter })}
        >
          {text.selectMatching(total)}
        </button>
      )}
      {selection.kind === 'some' && q !== '' && <span className="quiet">{text.searchIsNone}</span>}
      <button type="button" className="link" onClick={() => onSelect(noSelection)}>
        {text.selectNone}
      </button>
      <NativeSelect
        size="xs"
        aria-label={text.bulk}
        value=""
        onChange={(event) => setKind(event.currentTarget.value as BulkKind)}
        data={[
          { value: '', label: text.bulk },
          ...offeredKinds.map((one) => ({ value: one, label: bulkKinds[one].title })),
        ]}
      />
      {kind && (
        <Dialog title={bulkKinds[kind].title} onClose={() => setKind(null)}>
          <Bulk kind={kind} selection={selection} onClose={() => setKind(null)} />
        </Dialog>
      )}
    </div>
  )
}

type BulkProps = {
  kind: BulkKind
  selection: Selection
  onClose(): void
}

/** From what is wished, over what would come of it, to what came of it. */
function Bulk({ kind, selection, onClose }: BulkProps) {
  const { api } = useMuster()
  const [order, setOrder] = useState(() => (isTold(kind) ? null : writeOrder(kind, {}, selection)))
  const preview = useQuery({
    queryKey: ['bulk-preview', order],
    queryFn: () => api.bulk.preview(order!),
    enabled: order !== null,
    gcTime: 0,
    retry: false,
  })
  const start = useMutation({ mutationFn: (ready: BulkOrder) => api.bulk.start(ready) })
  if (start.data) return <Running begun={start.data} onClose={onClose} />
  if (!order)
    return <Tell onTold={(told) => setOrder(writeOrder(kind, told, selection))} kind={kind} />
  if (preview.error) return <Failure error={preview.error} retry={() => void preview.refetch()} />
  if (!preview.data) return <Loading />
  const expected = preview.data.isExact ? preview.data.count : undefined
  return (
    <>
      <Preview preview={preview.data} />
      {start.error && <Failure error={start.error} />}
      <Confirm
        kind={kind}
        count={preview.data.count}
        isBusy={start.isPending}
        isVain={preview.data.wouldDoCount === 0 && preview.data.isExact}
        onStart={() => start.mutate({ ...order, expected })}
        onClose={onClose}
      />
    </>
  )
}

function Tell({ kind, onTold }: { kind: BulkKind; onTold(told: Told): void }) {
  const { words } = useMuster()
  const text = words.devicesPage
  const send = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    onTold(Object.fromEntries(new FormData(event.currentTarget)) as Told)
  }
  return (
    <form className="stack" onSubmit={send}>
      {(kind === 'tag' || kind === 'untag') && (
        <TextInput
          name="key"
          label={kind === 'tag' ? text.tagKey : text.tagKeys}
          required
          withAsterisk={false}
          autoFocus
        />
      )}
      {kind === 'tag' && <TextInput name="value" label={text.value} />}
      {kind === 'rename' && (
        <TextInput
          name="pattern"
          label={text.pattern}
          description={text.patternHint}
          defaultValue="{name}"
          required
          withAsterisk={false}
          autoFocus
        />
      )}
      {kind === 'move' && <FleetChoice />}
      <Button type="submit">{text.preview}</Button>
    </form>
  )
}

function FleetChoice() {
  const { api, words } = useMuster()
  const fleets = useQuery({
    queryKey: ['fleet-choice'],
    queryFn: () => api.fleets.page({ limit: 500 }),
  })
  const items = fleets.data?.items ?? []
  return (
    <NativeSelect
      name="fleet"
      label={words.devicesPage.toFleet}
      data={items.map(({ slug, name }) => ({ value: slug, label: name }))}
    />
  )
}

function Preview({ preview }: { preview: BulkPreview }) {
  const { words } = useMuster()
  const text = words.devicesPage
  const { wouldFail, wouldSkip, collisions, first } = preview
  return (
    <>
      <p className="sum-up">
        {preview.lookedAtCount < preview.count &&
          `${text.lookedAt(preview.lookedAtCount, preview.count)} `}
        {text.wouldDo(preview.wouldDoCount)}
      </p>
      <ul className="why-not">
        {[...wouldFail, ...wouldSkip].map(({ code, count }) => (
          <li key={code} data-tone="warn">
            {text.leftOut(count)} {whyNot(code)}
          </li>
        ))}
        {collisions.count > 0 && (
          <li data-tone="warn">{text.collisions(collisions.count, collisions.names.join(', '))}</li>
        )}
      </ul>
      <ul className="first">
        {first.slice(0, 8).map(({ uuid, name, fleet, code, after }) => (
          <li key={uuid}>
            <b>{name}</b> <span className="quiet">{fleet}</span>{' '}
            {code ? <span data-tone="warn">{whyNot(code)}</span> : after && editText(after)}
          </li>
        ))}
      </ul>
    </>
  )
}

type Edit = NonNullable<BulkPreview['first'][number]['after']>

function editText({ name, fleet, tags = {} }: Edit): string {
  const changed = Object.entries(tags).map(([key, value]) =>
    value === null ? `− ${key}` : `${key}=${value}`,
  )
  return `→ ${[name, fleet, ...changed].filter(Boolean).join(', ')}`
}

type ConfirmProps = {
  kind: BulkKind
  count: number
  isBusy: boolean
  isVain: boolean
  onStart(): void
  onClose(): void
}

function Confirm({ kind, count, isBusy, isVain, onStart, onClose }: ConfirmProps) {
  const { words } = useMuster()
  const [typed, setTyped] = useState('')
  const isSure = !needsCount(kind, count) || typed.replace(/\D/g, '') === String(count)
  const text = words.devicesPage
  return (
    <div className="stack">
      {needsCount(kind, count) && (
        <TextInput
          label={text.typeCount(count)}
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
        />
      )}
      <div className="line">
        <Button
          color={harmful.has(kind) ? 'red.9' : 'blue.9'}
          loading={isBusy}
          disabled={!isSure || isVain}
          onClick={onStart}
        >
          {text.begin(bulkKinds[kind].title, count)}
        </Button>
        <Button variant="default" onClick={onClose}>
          {text.cancel}
        </Button>
      </div>
    </div>
  )
}

/** Should the stream be lost, it is asked every so often. */
const lookMs = 2_000

function useOperation(begun: BulkOperationView): BulkOperationView {
  const { api, clock, live } = useMuster()
  const [operation, setOperation] = useState(begun)
  const isOver = operation.id === begun.id && hasEnded(operation.state)
  useEffect(() => {
    if (isOver) return
    const look = () =>
      void api.bulk
        .read(begun.id)
        .then(setOperation, () => {})
        .finally(() => {
          cancel = clock.after(lookMs, look)
        })
    let cancel = clock.after(lookMs / 4, look)
    const unfollow = live.follow((event) => {
      if (event.event !== 'bulk' || event.data.id !== begun.id) return
      setOperation((before) => ({ ...before, ...event.data }))
    })
    return () => {
      cancel()
      unfollow()
    }
  }, [api, clock, live, begun.id, isOver])
  return operation.id === begun.id ? operation : begun
}

function Running({ begun, onClose }: { begun: BulkOperationView; onClose(): void }) {
  const { api, words } = useMuster()
  const [undoing, setUndoing] = useState<BulkOperationView | null>(null)
  const operation = useOperation(undoing ?? begun)
  const abort = useMutation({ mutationFn: () => api.bulk.abort(operation.id) })
  const undo = useMutation({
    mutationFn: () => api.bulk.undo(operation.id),
    onSuccess: setUndoing,
  })
  const { state, ofCount, doneCount, failedCount, skippedCount } = operation
  const isOver = hasEnded(state)
  const text = words.devicesPage
  return (
    <div className="stack" data-bulk={state}>
      <progress
        max={Math.max(1, ofCount)}
        value={doneCount + failedCount + skippedCount}
        aria-label={text.howFar}
      />
      <p role="status">
        {bulkStates[state]} {text.soFar(doneCount, ofCount)}
      </p>
      {failedCount + skippedCount > 0 && (
        <p data-tone="warn">{text.notDone(failedCount, skippedCount)}</p>
      )}
      {isOver && failedCount > 0 && <Failed id={operation.id} />}
      {(abort.error ?? undo.error) && <Failure error={abort.error ?? undo.error} />}
      <div className="line">
        {!isOver && (
          <Button variant="default" loading={abort.isPending} onClick={() => abort.mutate()}>
            {text.abort}
          </Button>
        )}
        {isOver && !undoing && doneCount > 0 && begun.kind !== 'delete' && (
          <Button variant="default" loading={undo.isPending} onClick={() => undo.mutate()}>
            {text.undo}
          </Button>
        )}
        <Button onClick={onClose}>{text.done}</Button>
      </div>
    </div>
  )
}

function Failed({ id }: { id: string }) {
  const { api } = useMuster()
  const failed = useQuery({
    queryKey: ['bulk-failed', id],
    queryFn: async () => {
      for await (const { items } of api.bulk.results(id, { outcome: 'failed', limit: 10 }))
        return items
      return []
    },
  })
  return (
    <ul className="first">
      {failed.data?.map(({ uuid, name, code, detail }) => (
        <li key={uuid}>
          <b>{name ?? uuid}</b> {code && whyNot(code)} <span className="quiet">{detail}</span>
        </li>
      ))}
    </ul>
  )
}
