// The titles of the table: a click sorts, dragging a title moves its column, dragging its edge changes the
// width. Each of it can be done by keyboard, too, in the list of columns.

import { columnOf, sortOf } from '@muster/core/device-columns.ts'
import { type PointerEvent, type RefObject, useState } from 'react'
import { useMuster } from '../muster.tsx'
import {
  limitWidth,
  moveColumn,
  type ShownColumn,
  templateOf,
  titleOf,
} from '../view/device-columns.ts'

export type HeadActions = {
  onSort(sort: string): void
  onColumns(columns: readonly ShownColumn[]): void
  onFilter(column: string): void
  onSelectLoaded(): void
}

type HeadProps = HeadActions & {
  columns: readonly ShownColumn[]
  sort: string
  scroller: RefObject<HTMLDivElement | null>
}

export function TableHead(props: HeadProps) {
  const { columns, onColumns, onSelectLoaded } = props
  const { words } = useMuster()
  const [dragged, setDragged] = useState<number | null>(null)
  const drop = (at: number) => {
    if (dragged !== null && dragged !== at) onColumns(moveColumn(columns, dragged, at))
    setDragged(null)
  }
  return (
    // biome-ignore lint/a11y/useSemanticElements: see the table.
    <div role="rowgroup" className="heads">
      {/* biome-ignore lint/a11y/useSemanticElements: see the table. */}
      {/* biome-ignore lint/a11y/useFocusableInteractive: see the table. */}
      <div role="row" className="row" aria-rowindex={1}>
        {/* biome-ignore lint/a11y/useSemanticElements: see the table. */}
        {/* biome-ignore lint/a11y/useFocusableInteractive: see the table. */}
        <div role="columnheader" className="cell pick">
          <input
            type="checkbox"
            checked={false}
            aria-label={words.devicesPage.selectLoaded}
            title={words.devicesPage.selectLoaded}
            onChange={onSelectLoaded}
          />
        </div>
        {columns.map((column, at) => (
          <Head
            key={column.name}
            {...props}
            column={column}
            at={at}
            onDrag={setDragged}
            onDrop={drop}
          />
        ))}
      </div>
    </div>
  )
}

type OneHead = HeadProps & {
  column: ShownColumn
  at: number
  onDrag(at: number): void
  onDrop(at: number): void
}

function Head({ column, at, onDrag, onDrop, ...props }: OneHead) {
  const { words } = useMuster()
  const { name } = column
  const title = titleOf(name)
  const sorted = sortOf(props.sort)
  const direction =
    sorted?.column === name ? (sorted.descending ? 'descending' : 'ascending') : 'none'
  const isSortable = columnOf(name)?.sort !== undefined
  return (
    // biome-ignore lint/a11y/useSemanticElements: see the table.
    // biome-ignore lint/a11y/useFocusableInteractive: see the table.
    <div
      role="columnheader"
      className="cell head-cell"
      aria-sort={direction}
      data-column={name}
      draggable
      onDragStart={() => onDrag(at)}
      onDragOver={(event) => event.preventDefault()}
      onDrop={() => onDrop(at)}
    >
      {isSortable ? (
        <button
          type="button"
          title={words.devicesPage.sortBy(title)}
          onClick={() => props.onSort(direction === 'ascending' ? `-${name}` : name)}
        >
          {title}
          <span aria-hidden="true">
            {direction === 'ascending' ? ' ↑' : direction === 'descending' ? ' ↓' : ''}
          </span>
        </button>
      ) : (
        <span>{title}</span>
      )}
      {columnOf(name) && (
        <button
          type="button"
          className="filter-head"
          aria-label={words.devicesPage.filterOf(title)}
          title={words.devicesPage.filterOf(title)}
          onClick={() => props.onFilter(name)}
        >
          <span aria-hidden="true">⏷</span>
        </button>
      )}
      <Edge {...props} at={at} />
    </div>
  )
}

/** The edge that is dragged; the width is written into the address when it is let go. */
function Edge({ columns, onColumns, scroller, at }: HeadProps & { at: number }) {
  const widened = (event: PointerEvent<HTMLElement>) => {
    const head = event.currentTarget.parentElement!.getBoundingClientRect()
    const width = limitWidth(event.clientX - head.left)
    return columns.with(at, { ...columns[at]!, width })
  }
  return (
    <span
      className="edge"
      aria-hidden="true"
      draggable
      onDragStart={(event) => {
        event.preventDefault()
        event.stopPropagation()
      }}
      onPointerDown={(event) => {
        event.preventDefault()
        event.currentTarget.setPointerCapture(event.pointerId)
      }}
      onPointerMove={(event) => {
        if (event.currentTarget.hasPointerCapture(event.pointerId))
          scroller.current?.style.setProperty('--columns', templateOf(widened(event)))
      }}
      onPointerUp={(event) => onColumns(widened(event))}
    />
  )
}
