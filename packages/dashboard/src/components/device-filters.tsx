// Search and filters above the table. Each part of the filter is a chip that can be changed and removed;
// what is typed into the search is sought as it is typed, a moment after the last key.

import { Button, NativeSelect, TextInput } from '@mantine/core'
import { useHotkeys } from '@mantine/hooks'
import { columnNames, columnOf, tagKeyOf } from '@muster/core/device-columns.ts'
import { type FormEvent, type ReactNode, useEffect, useRef, useState } from 'react'
import { useMuster } from '../muster.tsx'
import { titleOf } from '../view/device-columns.ts'
import {
  chipsOf,
  joinChips,
  mistakeOf,
  operatorsFor,
  writeComparison,
} from '../view/device-filter.ts'
import { Dialog } from './dialog.tsx'

const typingPauseMs = 200

export function DeviceSearch({ q, onSearch }: { q: string; onSearch(q: string): void }) {
  const { clock, words } = useMuster()
  const field = useRef<HTMLInputElement>(null)
  const [typed, setTyped] = useState(q)
  const told = useRef(q)
  useHotkeys([['/', () => field.current?.focus()]])
  useEffect(() => {
    if (q === told.current) return
    told.current = q
    setTyped(q)
  }, [q])
  useEffect(() => {
    if (typed === told.current) return
    return clock.after(typingPauseMs, () => {
      told.current = typed
      onSearch(typed)
    })
  }, [typed, clock, onSearch])
  return (
    <TextInput
      ref={field}
      type="search"
      aria-label={words.devicesPage.search}
      placeholder={words.devicesPage.searchHint}
      maxLength={100}
      value={typed}
      onChange={(event) => setTyped(event.currentTarget.value)}
    />
  )
}

/** Which chip is open: of the list, or a new one about a column. */
export type OpenFilter = { at: number } | { column: string } | null

type FilterProps = {
  filter: string
  onFilter(filter: string | undefined): void
  opened: OpenFilter
  onOpen(opened: OpenFilter): void
}

export function DeviceFilters({ filter, onFilter, opened, onOpen }: FilterProps) {
  const { words } = useMuster()
  const { parts, mistake } = chipsOf(filter)
  const replace = (at: number, text: string) => {
    onFilter(joinChips(text ? parts.toSpliced(at, 1, text) : parts.toSpliced(at, 1)))
    onOpen(null)
  }
  const add = (text: string) => {
    onFilter(joinChips([...parts, text]))
    onOpen(null)
  }
  return (
    <>
      {parts.length > 0 && (
        <ul className="chips">
          {parts.map((part, at) => (
            <li key={part} data-mistake={mistake !== null || undefined}>
              <button
                type="button"
                aria-label={words.devicesPage.editFilter(part)}
                onClick={() => onOpen({ at })}
              >
                {part}
              </button>
              <button
                type="button"
                aria-label={words.devicesPage.removeFilter(part)}
                onClick={() => replace(at, '')}
              >
                ×
              </button>
            </li>
          ))}
        </ul>
      )}
      {mistake && (
        <p role="alert" data-tone="bad">
          {mistake}
        </p>
      )}
      {opened && (
        <Dialog title={words.devicesPage.addFilter} onClose={() => onOpen(null)}>
          {'at' in opened ? (
            <WrittenFilter
              text={parts[opened.at] ?? ''}
              onApply={(text) => replace(opened.at, text)}
            />
          ) : (
            <NewFilter column={opened.column} onApply={add} />
          )}
        </Dialog>
      )}
    </>
  )
}

function FilterForm({ text, onApply, children }: Written & { children: ReactNode }) {
  const { words } = useMuster()
  const mistake = text ? mistakeOf(text) : null
  const send = (event: FormEvent) => {
    event.preventDefault()
    if (text && !mistake) onApply(text)
  }
  return (
    <form className="stack" onSubmit={send}>
      {children}
      <p className="quiet">
        <code>{text}</code>
      </p>
      {mistake && <p data-tone="bad">{mistake}</p>}
      <Button type="submit" disabled={!text || mistake !== null}>
        {words.devicesPage.apply}
      </Button>
    </form>
  )
}

type Written = { text: string; onApply(text: string): void }

function WrittenFilter({ text: before, onApply }: Written) {
  const { words } = useMuster()
  const [text, setText] = useState(before)
  return (
    <FilterForm text={text} onApply={onApply}>
      <TextInput
        label={words.devicesPage.asText}
        value={text}
        autoFocus
        onChange={(event) => setText(event.currentTarget.value)}
      />
    </FilterForm>
  )
}

function NewFilter({ column: first, onApply }: { column: string; onApply(text: string): void }) {
  const { words } = useMuster()
  const [name, setName] = useState(tagKeyOf(first) ? 'tag.' : first)
  const [key, setKey] = useState(tagKeyOf(first) ?? '')
  const [operator, setOperator] = useState('')
  const [value, setValue] = useState('')
  const full = name === 'tag.' ? `tag.${key}` : name
  const column = columnOf(full)
  const operators = operatorsFor(column ?? { kind: 'text', title: '' })
  const chosen = operators.includes(operator) ? operator : operators[0]!
  const choices = column?.words ?? (column?.kind === 'truth' ? ['true', 'false'] : null)
  const given = choices ? value || choices[0]! : value
  return (
    <FilterForm text={writeComparison(full, chosen, given) ?? ''} onApply={onApply}>
      <NativeSelect
        label={words.devicesPage.column}
        value={name}
        onChange={(event) => {
          setName(event.currentTarget.value)
          setValue('')
        }}
        data={[
          { value: 'tag.', label: 'Tag' },
          ...columnNames.map((one) => ({ value: one, label: titleOf(one) })),
        ]}
      />
      {name === 'tag.' && (
        <TextInput
          label={words.devicesPage.tagKey}
          value={key}
          onChange={(event) => setKey(event.currentTarget.value)}
        />
      )}
      <NativeSelect
        label={words.devicesPage.operator}
        value={chosen}
        onChange={(event) => setOperator(event.currentTarget.value)}
        data={[...operators]}
      />
      {chosen !== 'exists' &&
        (choices ? (
          <NativeSelect
            label={words.devicesPage.value}
            value={given}
            onChange={(event) => setValue(event.currentTarget.value)}
            data={[...choices]}
          />
        ) : (
          <TextInput
            label={words.devicesPage.value}
            placeholder={column?.kind === 'instant' ? '-15m, 2026-11-24T10:00Z' : ''}
            value={value}
            autoFocus
            onChange={(event) => setValue(event.currentTarget.value)}
          />
        ))}
    </FilterForm>
  )
}
