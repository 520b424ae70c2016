// Which columns are shown, in which order and how wide, by keyboard as well as by pointer.

import { Button, Checkbox, NativeSelect, NumberInput, TextInput } from '@mantine/core'
import { type FormEvent, useState } from 'react'
import { useMuster } from '../muster.tsx'
import {
  columnChoices,
  defaultColumns,
  limitWidth,
  moveColumn,
  type ShownColumn,
  titleOf,
  widthLimits,
  widthOf,
} from '../view/device-columns.ts'
import { Dialog } from './dialog.tsx'

type ColumnsProps = {
  columns: readonly ShownColumn[]
  onColumns(columns: readonly ShownColumn[]): void
  onClose(): void
}

export function DeviceColumns({ columns, onColumns, onClose }: ColumnsProps) {
  const { words } = useMuster()
  const text = words.devicesPage
  const add = (name: string) => onColumns([...columns, { name, width: widthOf(name) }])
  const left = columnChoices.filter((name) => !columns.some((shown) => shown.name === name))
  return (
    <Dialog title={text.columns} onClose={onClose}>
      <p className="quiet">{text.columnsAdvice}</p>
      <ul className="column-list">
        {columns.map(({ name, width }, at) => (
          <li key={name}>
            <Checkbox
              size="xs"
              checked
              disabled={name === 'name'}
              aria-label={text.show(titleOf(name))}
              label={titleOf(name)}
              onChange={() => onColumns(columns.toSpliced(at, 1))}
            />
            <NumberInput
              size="xs"
              hideControls
              aria-label={text.widthOf(titleOf(name))}
              value={width}
              min={widthLimits.min}
              max={widthLimits.max}
              onChange={(value) =>
                onColumns(columns.with(at, { name, width: limitWidth(Number(value) || width) }))
              }
            />
            <button
              type="button"
              aria-label={text.earlier(titleOf(name))}
              disabled={at === 0}
              onClick={() => onColumns(moveColumn(columns, at, at - 1))}
            >
              ↑
            </button>
            <button
              type="button"
              aria-label={text.later(titleOf(name))}
              disabled={at === columns.length - 1}
              onClick={() => onColumns(moveColumn(columns, at, at + 1))}
            >
              ↓
            </button>
          </li>
        ))}
      </ul>
      <div className="stack">
        <NativeSelect
          size="xs"
          aria-label={text.addColumn}
          value=""
          onChange={(event) => add(event.currentTarget.value)}
          data={[
            { value: '', label: text.addColumn },
            ...left.map((name) => ({ value: name, label: titleOf(name) })),
          ]}
        />
        <AddTag onAdd={(key) => add(`tag.${key}`)} />
        <Button
          variant="default"
          onClick={() => onColumns(defaultColumns.map((name) => ({ name, width: widthOf(name) })))}
        >
          {text.usual}
        </Button>
      </div>
    </Dialog>
  )
}

function AddTag({ onAdd }: { onAdd(key: string): void }) {
  const { words } = useMuster()
  const [key, setKey] = useState('')
  const send = (event: FormEvent) => {
    event.preventDefault()
    if (key.trim()) onAdd(key.trim())
    setKey('')
  }
  return (
    <form className="line" onSubmit={send}>
      <TextInput
        size="xs"
        aria-label={words.devicesPage.tagKey}
        placeholder={words.devicesPage.tagKey}
        value={key}
        onChange={(event) => setKey(event.currentTarget.value)}
      />
      <Button size="xs" variant="default" type="submit">
        {words.devicesPage.addTag}
      </Button>
    </form>
  )
}
