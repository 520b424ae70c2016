// The table of devices: only the rows in view are elements, whatever the fleet's size. It is a grid to
// those who cannot see it: one stop for the keyboard, in which arrows walk, Space selects and Enter opens.
// Widths are one variable of style, so that a column that is dragged redraws no row.

import type { DeviceView } from '@muster/core/api.ts'
import { useVirtualizer } from '@tanstack/react-virtual'
import { type KeyboardEvent, memo, useCallback, useEffect, useRef, useState } from 'react'
import { useMuster, useNow } from '../muster.tsx'
import { printColumns, type ShownColumn, templateOf } from '../view/device-columns.ts'
import type { DeviceList, ListState } from '../view/device-list.ts'
import { isSelected, type Selection, selectMore, toggleSelected } from '../view/device-selection.ts'
import { DeviceCell, useOpenDevice } from './device-cells.tsx'
import { type HeadActions, TableHead } from './device-table-head.tsx'

export type TableProps = HeadActions & {
  list: DeviceList
  state: ListState
  columns: readonly ShownColumn[]
  sort: string
  selection: Selection
  onSelect(next: Selection): void
  isNarrow: boolean
}

const rowPx = { wide: 36, narrow: 66 }
/** Times in rows are renewed so often. */
const tickMs = 5_000

export function DeviceTable(props: TableProps) {
  const { list, state, columns, selection, onSelect, isNarrow } = props
  const { words } = useMuster()
  const scroller = useRef<HTMLDivElement>(null)
  const [active, setActive] = useState(0)
  const now = useServerTick()
  // A page more than is known can be scrolled to, until it is known that there is none.
  const rowCount = state.rowCount + (state.isWhole || state.rowCount === 0 ? 0 : 1)
  const height = isNarrow ? rowPx.narrow : rowPx.wide
  const virtual = useVirtualizer({
    count: rowCount,
    getScrollElement: () => scroller.current,
    estimateSize: () => height,
    overscan: 10,
    scrollPaddingStart: isNarrow ? 0 : rowPx.wide,
  })
  const rows = virtual.getVirtualItems()
  const from = rows[0]?.index ?? 0
  const to = rows.at(-1)?.index ?? 0
  useEffect(() => list.see(from, to), [list, from, to])
  useEffect(() => {
    if (height > 0) virtual.measure()
  }, [virtual, height])
  const goTo = (index: number) => {
    const next = Math.max(0, Math.min(state.rowCount - 1, index))
    setActive(next)
    virtual.scrollToIndex(next)
  }
  const onToggle = useToggle({ list, selection, onSelect })
  const onKeyDown = useTableKeys({ list, active, goTo, selection, onSelect })
  const names = columns.map(({ name }) => name).join('\n')
  return (
    // biome-ignore lint/a11y/useSemanticElements: a table of elements cannot hold a million rows.
    <div
      ref={scroller}
      className="grid"
      role="grid"
      tabIndex={0}
      aria-label={words.devicesPage.grid}
      aria-rowcount={state.total === null ? -1 : state.total + 1}
      aria-colcount={columns.length}
      aria-multiselectable="true"
      aria-busy={state.isLoading}
      aria-activedescendant={active >= from && active <= to ? `row-${active}` : undefined}
      data-old={state.isOld || undefined}
      onKeyDown={onKeyDown}
      style={styleOf(columns)}
    >
      <TableHead key={printColumns(columns)} {...props} scroller={scroller} />
      {/* biome-ignore lint/a11y/useSemanticElements: as above. */}
      <div role="rowgroup" className="rows" style={{ height: virtual.getTotalSize() }}>
        {rows.map(({ index, start }) => {
          const device = list.row(index)
          return (
            <Row
              key={index}
              index={index}
              top={start}
              device={device}
              names={names}
              now={now}
              isActive={index === active}
              isChosen={device !== null && isSelected(selection, device.uuid)}
              isStray={device !== null && list.isStray(device.uuid)}
              onPoint={setActive}
              onToggle={onToggle}
            />
          )
        })}
      </div>
    </div>
  )
}

/** Custom properties are no part of React's type of styles. */
function styleOf(columns: readonly ShownColumn[]) {
  return { '--columns': templateOf(columns) } as Record<string, string>
}

function useServerTick(): number {
  const { api } = useMuster()
  useNow()
  return Math.floor(api.serverNow() / tickMs) * tickMs
}

type Choosing = Pick<TableProps, 'list' | 'selection' | 'onSelect'>

/** Always the same function, so that a selection redraws only the rows that it changes. */
function useToggle(choosing: Choosing) {
  const latest = useRef(choosing)
  const anchor = useRef(0)
  useEffect(() => {
    latest.current = choosing
  })
  return useCallback((index: number, isRange: boolean) => {
    const { list, selection, onSelect } = latest.current
    const [from, to] = [anchor.current, index].toSorted((a, b) => a - b) as [number, number]
    const between = Array.from({ length: to - from + 1 }, (_, at) => list.row(from + at)?.uuid)
    anchor.current = index
    const device = list.row(index)
    if (isRange)
      onSelect(
        selectMore(
          selection,
          between.filter((uuid) => uuid !== undefined),
        ),
      )
    else if (device) onSelect(toggleSelected(selection, device.uuid))
  }, [])
}

type KeysOf = Choosing & {
  active: number
  goTo(index: number): void
}

function useTableKeys({ list, active, goTo, selection, onSelect }: KeysOf) {
  const open = useOpenDevice()
  const screenful = 15
  return (event: KeyboardEvent<HTMLDivElement>) => {
    if (event.target !== event.currentTarget) return
    const device = list.row(active)
    const moves: Record<string, () => void> = {
      ArrowDown: () => goTo(active + 1),
      ArrowUp: () => goTo(active - 1),
      PageDown: () => goTo(active + screenful),
      PageUp: () => goTo(active - screenful),
      Home: () => goTo(0),
      End: () => goTo(Number.POSITIVE_INFINITY),
      ' ': () => device && onSelect(toggleSelected(selection, device.uuid)),
      Enter: () => device && open(device.uuid),
      c: () => device && void navigator.clipboard.writeText(device.uuid),
    }
    const move = moves[event.key]
    if (!move || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    move()
  }
}

type RowProps = {
  index: number
  top: number
  device: DeviceView | null
  names: string
  now: number
  isActive: boolean
  isChosen: boolean
  isStray: boolean
  onPoint(index: number): void
  onToggle(index: number, isRange: boolean): void
}

const Row = memo(DrawnRow)

function DrawnRow({ index, top, device, names, now, ...row }: RowProps) {
  const { words } = useMuster()
  return (
    // biome-ignore lint/a11y/useSemanticElements: as above.
    // biome-ignore lint/a11y/useFocusableInteractive: the grid holds the focus and names its row.
    <div
      role="row"
      id={`row-${index}`}
      className="row"
      aria-rowindex={index + 2}
      aria-selected={row.isChosen}
      data-active={row.isActive || undefined}
      data-status-row={device?.status.status}
      data-device={device?.uuid}
      data-stray={row.isStray || undefined}
      style={{ transform: `translateY(${top}px)` }}
      onMouseDown={() => row.onPoint(index)}
    >
      {/* biome-ignore lint/a11y/useSemanticElements: as above. */}
      {/* biome-ignore lint/a11y/useFocusableInteractive: as above. */}
      <div role="gridcell" className="cell pick">
        {device && (
          <input
            type="checkbox"
            tabIndex={-1}
            aria-label={words.devicesPage.select(device.name)}
            checked={row.isChosen}
            onChange={({ nativeEvent }) =>
              row.onToggle(index, nativeEvent instanceof MouseEvent && nativeEvent.shiftKey)
            }
          />
        )}
      </div>
      {names.split('\n').map((name) => (
        // biome-ignore lint/a11y/useSemanticElements: as above.
        // biome-ignore lint/a11y/useFocusableInteractive: as above.
        <div key={name} role="gridcell" className="cell" data-column={name}>
          {device ? (
            <DeviceCell device={device} name={name} now={now} />
          ) : (
            <span className="pale">{name === 'name' ? words.devicesPage.reading : ''}</span>
          )}
        </div>
      ))}
    </div>
  )
}
