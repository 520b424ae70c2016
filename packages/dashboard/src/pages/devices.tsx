// Every device, as many as there are: found, filtered, sorted, and live where it stands. What is asked and
// how it is shown is in the address, so that it can be sent to a colleague and saved as a view.

import '../devices.css'
import { Button } from '@mantine/core'
import { useDocumentTitle, useMediaQuery } from '@mantine/hooks'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useCallback, useEffect, useMemo, useState, useSyncExternalStore } from 'react'
import { SelectionBar } from '../components/device-bulk.tsx'
import { DeviceColumns } from '../components/device-columns.tsx'
import { DeviceFilters, DeviceSearch, type OpenFilter } from '../components/device-filters.tsx'
import { DeviceTable } from '../components/device-table.tsx'
import { DeviceViews } from '../components/device-views.tsx'
import { Failure, Loading, Nothing } from '../components/notices.tsx'
import { useMuster } from '../muster.tsx'
import { printColumns, readColumns, type ShownColumn } from '../view/device-columns.ts'
import { DeviceList, type ListState, type Question } from '../view/device-list.ts'
import {
  noSelection,
  type Selection,
  selectionUnder,
  selectMore,
} from '../view/device-selection.ts'
import type { DevicesSearch } from '../view/devices-search.ts'

export function Devices() {
  const { words } = useMuster()
  const shown = useSearch({ from: '/devices' })
  const { q = '', filter = '', sort = 'name' } = shown
  const columns = useMemo(() => readColumns(shown.columns), [shown.columns])
  const go = useGo()
  const [openFilter, setOpenFilter] = useState<OpenFilter>(null)
  const [choosesColumns, setChoosesColumns] = useState(false)
  const [chosen, setSelection] = useState<Selection>(noSelection)
  const selection = selectionUnder(chosen, filter, q)
  const { list, state } = useDeviceList({ q, filter, sort })
  const isNarrow = useMediaQuery('(max-width: 700px)') ?? false
  useDocumentTitle(`${words.devicesPage.title} – ${words.product}`)
  const onColumns = useCallback(
    (next: readonly ShownColumn[]) => go({ columns: printColumns(next) }),
    [go],
  )
  const onSearch = useCallback((text: string) => go({ q: text || undefined }), [go])
  const loaded = () =>
    Array.from({ length: state.rowCount }, (_, at) => list.row(at)?.uuid ?? '').filter(Boolean)
  return (
    <div className="devices-page">
      <div className="head">
        <h1>{words.devicesPage.title}</h1>
        <Found state={state} onRenew={() => list.again()} />
      </div>
      <search className="tools">
        <DeviceSearch q={q} onSearch={onSearch} />
        <Button variant="default" onClick={() => setOpenFilter({ column: 'status' })}>
          + {words.devicesPage.addFilter}
        </Button>
        <Button variant="default" onClick={() => setChoosesColumns(true)}>
          {words.devicesPage.columns}
        </Button>
        <DeviceViews shown={shown} onShow={go} />
      </search>
      <DeviceFilters
        filter={filter}
        onFilter={(next) => go({ filter: next })}
        opened={openFilter}
        onOpen={setOpenFilter}
      />
      <SelectionBar
        selection={selection}
        onSelect={setSelection}
        total={state.total}
        filter={filter}
        q={q}
      />
      {choosesColumns && (
        <DeviceColumns
          columns={columns}
          onColumns={onColumns}
          onClose={() => setChoosesColumns(false)}
        />
      )}
      {state.error !== null && <Failure error={state.error} retry={() => list.retry()} />}
      {state.rowCount === 0 ? (
        <Empty state={state} isAsked={q !== '' || filter !== ''} />
      ) : (
        <DeviceTable
          list={list}
          state={state}
          columns={columns}
          sort={sort}
          selection={selection}
          onSelect={setSelection}
          isNarrow={isNarrow}
          onSort={(next) => go({ sort: next === 'name' ? undefined : next })}
          onColumns={onColumns}
          onFilter={(column) => setOpenFilter({ column })}
          onSelectLoaded={() => setSelection(selectMore(selection, loaded()))}
        />
      )}
    </div>
  )
}

type Change = { [K in keyof DevicesSearch]?: DevicesSearch[K] | undefined }

/** Changes what is in the address, and nothing else of it. */
function useGo() {
  const navigate = useNavigate()
  return useCallback(
    (change: Change) =>
      void navigate({
        to: '/devices',
        replace: true,
        search: (before) =>
          Object.fromEntries(
            Object.entries({ ...before, ...change }).filter(([, value]) => value !== undefined),
          ) as DevicesSearch,
      }),
    [navigate],
  )
}

function useDeviceList({ q, filter, sort }: Required<Question>) {
  const { api, clock, live } = useMuster()
  const list = useMemo(
    () =>
      new DeviceList({
        load: (query, signal) => api.devices.page(query, signal),
        clock,
        serverNow: () => api.serverNow(),
      }),
    [api, clock],
  )
  useEffect(() => list.start(), [list])
  useEffect(() => live.follow(list.take), [live, list])
  useEffect(() => list.ask({ q, filter, sort }), [list, q, filter, sort])
  return { list, state: useSyncExternalStore(list.subscribe, list.read) }
}

function Found({ state, onRenew }: { state: ListState; onRenew(): void }) {
  const { words } = useMuster()
  const { total, scanned, rowCount, strayCount, newCount, isWhole } = state
  const text = words.devicesPage
  return (
    <>
      <p className="quiet" role="status">
        {total !== null
          ? text.matching(total)
          : isWhole
            ? text.matching(rowCount)
            : text.atLeast(rowCount)}
        {scanned && !isWhole && ` · ${text.scanning(scanned.count, scanned.of)}`}
      </p>
      {strayCount + newCount > 0 && (
        <p className="strays">
          {[newCount > 0 && text.fresh(newCount), strayCount > 0 && text.strays(strayCount)]
            .filter(Boolean)
            .join(', ')}{' '}
          <button type="button" className="link" onClick={onRenew}>
            {text.renew}
          </button>
        </p>
      )}
    </>
  )
}

function Empty({ state, isAsked }: { state: ListState; isAsked: boolean }) {
  const { words } = useMuster()
  const go = useGo()
  const text = words.devicesPage
  if (state.error) return null
  if (state.isLoading || !state.isWhole) return <Loading />
  if (!isAsked)
    return (
      <Nothing title={text.none}>
        <p>{text.noneAdvice}</p>
      </Nothing>
    )
  return (
    <Nothing title={text.noneFound}>
      <p>{text.noneFoundAdvice}</p>
      <Button variant="default" onClick={() => go({ q: undefined, filter: undefined })}>
        {text.clear}
      </Button>
    </Nothing>
  )
}
