// Saved views: what somebody looks at again and again, by name. A view that was chosen is in the address,
// and what it holds with it, so that it can be changed from there and saved again.

import { Button, Checkbox, NativeSelect, TextInput } from '@mantine/core'
import type { DeviceListView } from '@muster/core/device-list-api.ts'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { useMuster } from '../muster.tsx'
import { printColumns, readColumns, widthOf } from '../view/device-columns.ts'
import type { DevicesSearch } from '../view/devices-search.ts'
import { Dialog } from './dialog.tsx'
import { Failure } from './notices.tsx'

type ViewsProps = {
  shown: DevicesSearch
  onShow(next: { [K in keyof DevicesSearch]-?: DevicesSearch[K] | undefined }): void
}

export function DeviceViews({ shown, onShow }: ViewsProps) {
  const { api, words } = useMuster()
  const [saves, setSaves] = useState(false)
  const views = useQuery({
    queryKey: ['device-views'],
    queryFn: async () => {
      const all: DeviceListView[] = []
      for await (const { items } of api.deviceViews.pages({ limit: 500 })) all.push(...items)
      return all
    },
  })
  const chosen = views.data?.find(({ slug }) => slug === shown.view)
  const choose = (slug: string) => {
    const view = views.data?.find((one) => one.slug === slug)
    onShow(view ? searchOf(view) : nothing)
  }
  const text = words.devicesPage
  return (
    <>
      {(views.data?.length ?? 0) > 0 && (
        <NativeSelect
          aria-label={text.view}
          value={chosen?.slug ?? ''}
          onChange={(event) => choose(event.currentTarget.value)}
          data={[
            { value: '', label: text.everyDevice },
            ...views.data!.map(({ slug, name }) => ({ value: slug, label: name })),
          ]}
        />
      )}
      <Button variant="default" onClick={() => setSaves(true)}>
        {text.saveView}
      </Button>
      {chosen?.mistake && <p data-tone="bad">{chosen.mistake}</p>}
      {saves && (
        <Dialog title={text.saveView} onClose={() => setSaves(false)}>
          <SaveView
            shown={shown}
            before={chosen?.own ? chosen : undefined}
            onSaved={(view) => {
              onShow(view ? searchOf(view) : nothing)
              setSaves(false)
            }}
          />
        </Dialog>
      )}
    </>
  )
}

const nothing = {
  q: undefined,
  filter: undefined,
  sort: undefined,
  columns: undefined,
  view: undefined,
}

function searchOf({ slug, q, filter, sort, columns }: DeviceListView) {
  return {
    q: q || undefined,
    filter: filter || undefined,
    sort: sort || undefined,
    columns: printColumns(columns.map((name) => ({ name, width: widthOf(name) }))) || undefined,
    view: slug,
  }
}

type SaveProps = {
  shown: DevicesSearch
  before: DeviceListView | undefined
  /** Null: it is gone. */
  onSaved(view: DeviceListView | null): void
}

function SaveView({ shown, before, onSaved }: SaveProps) {
  const { api, words } = useMuster()
  const queries = useQueryClient()
  const text = words.devicesPage
  const onSuccess = async (view: DeviceListView | null) => {
    await queries.invalidateQueries({ queryKey: ['device-views'] })
    onSaved(view)
  }
  const save = useMutation({
    mutationFn: ({ name, shared }: { name: string; shared: boolean }) => {
      const { q = '', filter = '', sort = 'name', columns } = shown
      const names = readColumns(columns).map((column) => column.name)
      const view = { name, shared, q, filter, sort, columns: names }
      const isSame = before?.name === name
      return isSame ? api.deviceViews.edit(before.slug, view) : api.deviceViews.create(view)
    },
    onSuccess,
  })
  const remove = useMutation({
    mutationFn: async () => {
      await api.deviceViews.delete(before!.slug)
      return null
    },
    onSuccess,
  })
  const send = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const given = new FormData(event.currentTarget)
    save.mutate({ name: String(given.get('name')), shared: given.has('shared') })
  }
  return (
    <form className="stack" onSubmit={send}>
      <TextInput
        name="name"
        label={text.viewName}
        defaultValue={before?.name ?? ''}
        required
        withAsterisk={false}
        autoFocus
      />
      <Checkbox name="shared" label={text.shared} defaultChecked={before?.shared ?? false} />
      {(save.error ?? remove.error) && <Failure error={save.error ?? remove.error} />}
      <div className="line">
        <Button type="submit" loading={save.isPending}>
          {text.save}
        </Button>
        {before && (
          <Button variant="default" loading={remove.isPending} onClick={() => remove.mutate()}>
            {text.deleteView(before.name)}
          </Button>
        )}
      </div>
    </form>
  )
}
