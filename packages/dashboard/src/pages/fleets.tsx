// Every fleet at one glance: how many of its devices have which status, and which fleet needs somebody.
// What is sought and how it is sorted is in the address, so that it can be sent to a colleague.

import { Button, NativeSelect, TextInput } from '@mantine/core'
import { useDocumentTitle, useHotkeys } from '@mantine/hooks'
import type { FleetView } from '@muster/core/api.ts'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { type FormEvent, useRef, useState } from 'react'
import { Failure, Loading, Nothing } from '../components/notices.tsx'
import { StatusBar, StatusCounts } from '../components/status-bar.tsx'
import { useMuster } from '../muster.tsx'
import {
  deriveShares,
  type FleetSort,
  filterOf,
  fleetSorts,
  orderFleets,
  troubledCount,
} from '../view/fleets.ts'

export type FleetsSearch = { q?: string; sort?: FleetSort }

export function readFleetsSearch({ q, sort }: Record<string, unknown>): FleetsSearch {
  const known = fleetSorts.find((one) => one === sort)
  return { ...(q ? { q: String(q) } : {}), ...(known ? { sort: known } : {}) }
}

export function Fleets() {
  const { api, words } = useMuster()
  const { q = '', sort = 'trouble' } = useSearch({ from: '/fleets' })
  useDocumentTitle(`${words.fleets} – ${words.product}`)
  const fleets = useQuery({
    queryKey: ['fleets'],
    queryFn: async () => {
      const all: FleetView[] = []
      for await (const { items } of api.fleets.pages({ limit: 500 })) all.push(...items)
      return all
    },
  })
  const { data } = fleets
  if (!data)
    return fleets.error ? (
      <Failure error={fleets.error} retry={() => void fleets.refetch()} />
    ) : (
      <Loading />
    )
  const shown = orderFleets(data, { q, sort })
  const deviceCount = data.reduce((sum, fleet) => sum + fleet.deviceCount, 0)
  return (
    <>
      <div className="head">
        <h1>{words.fleets}</h1>
        <p className="quiet">{words.inAll(data.length, deviceCount)}</p>
      </div>
      <Tools q={q} sort={sort} />
      {data.length === 0 && (
        <Nothing title={words.noFleets}>
          <p>{words.noFleetsAdvice}</p>
        </Nothing>
      )}
      {data.length > 0 && shown.length === 0 && <Nothing title={words.noneFound(q)} />}
      <ul className="fleets">
        {shown.map((fleet) => (
          <Fleet key={fleet.slug} fleet={fleet} />
        ))}
      </ul>
    </>
  )
}

function Fleet({ fleet }: { fleet: FleetView }) {
  const { words } = useMuster()
  const shares = deriveShares(fleet)
  const troubled = troubledCount(fleet)
  return (
    <li data-fleet={fleet.slug}>
      <div className="name">
        <h2>
          <Link to="/devices" search={{ filter: filterOf(fleet.slug) }}>
            {fleet.name}
          </Link>
        </h2>
        <span className="quiet">{fleet.slug}</span>
      </div>
      <div className="sum">
        <span>{fleet.deviceCount === 0 ? words.noDevices : words.devices(fleet.deviceCount)}</span>
        {troubled > 0 && <span data-tone="bad">{words.troubled(troubled)}</span>}
      </div>
      <div className="shares">
        <StatusBar shares={shares} />
        <StatusCounts fleet={fleet.slug} shares={shares} />
      </div>
    </li>
  )
}

function Tools({ q, sort }: { q: string; sort: FleetSort }) {
  const { words } = useMuster()
  const navigate = useNavigate()
  const search = useRef<HTMLInputElement>(null)
  const [creates, setCreates] = useState(false)
  useHotkeys([['/', () => search.current?.focus()]])
  const go = (next: FleetsSearch) =>
    void navigate({ to: '/fleets', search: readFleetsSearch({ q, sort, ...next }), replace: true })
  return (
    <>
      <search className="tools">
        <TextInput
          ref={search}
          type="search"
          aria-label={words.search}
          placeholder={words.searchHint}
          value={q}
          onChange={(event) => go({ q: event.currentTarget.value })}
        />
        <NativeSelect
          aria-label={words.sort}
          value={sort}
          onChange={(event) => go({ sort: event.currentTarget.value as FleetSort })}
          data={fleetSorts.map((one) => ({ value: one, label: words.sorts[one] }))}
        />
        <Button onClick={() => setCreates(true)}>{words.newFleet}</Button>
      </search>
      {creates && <CreateFleet onEnd={() => setCreates(false)} />}
    </>
  )
}

function CreateFleet({ onEnd }: { onEnd(): void }) {
  const { api, words } = useMuster()
  const queries = useQueryClient()
  const create = useMutation({
    mutationFn: (name: string) => api.fleets.create({ name }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['fleets'] })
      onEnd()
    },
  })
  const send = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    create.mutate(String(new FormData(event.currentTarget).get('name')))
  }
  return (
    <form className="tools" onSubmit={send}>
      <TextInput name="name" aria-label={words.name} placeholder={words.name} required autoFocus />
      <Button type="submit" loading={create.isPending}>
        {words.create}
      </Button>
      <Button variant="default" onClick={onEnd}>
        {words.cancel}
      </Button>
      {create.error && <Failure error={create.error} />}
    </form>
  )
}
