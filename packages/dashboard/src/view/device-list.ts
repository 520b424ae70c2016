// The list of devices as it is scrolled through: pages of the cursor API, read as they come into view and
// forgotten when they are far away, so that a million devices cost the memory of a few thousand. What
// the live stream says mends rows where they stand: nothing moves under the reader's hand. A row that no
// longer matches the filter, or is gone, is marked and counted, and leaves when the list is read anew.
//
// Rejected: offsets, which no index serves and which shift when devices come and go. So the list grows
// as it is scrolled; who wants the end of a million sorts the other way round.

import type { DeviceQuery, DeviceView, PageOf } from '@muster/core/api.ts'
import type { StreamEvent } from '@muster/core/api-client.ts'
import type { Clock } from '@muster/core/clock.ts'
import { type Filter, quoted } from '@muster/core/device-filter.ts'
import { readFilter } from '@muster/core/device-filter-parser.ts'
import { filteredDeviceOf, matchesFilter } from '@muster/core/device-match.ts'
import { afterTransition } from './after-transition.ts'

export type Question = { q?: string; filter?: string; sort?: string }
export type DevicePage = PageOf<DeviceView> & { scanned?: { count: number; of: number } }

export type ListState = {
  /** Rows that can be scrolled to by now. */
  rowCount: number
  /** How many match; null: it is not known. */
  total: number | null
  /** How far a search that no index serves has come. */
  scanned: { count: number; of: number } | null
  /** There is no more. */
  isWhole: boolean
  isLoading: boolean
  /** What is shown answers the question before. */
  isOld: boolean
  error: unknown
  /** Devices that were created since it was asked. */
  newCount: number
  /** Rows that are gone, or match no more. */
  strayCount: number
}

export type ListDeps = {
  load(query: DeviceQuery, signal: AbortSignal): Promise<DevicePage>
  clock: Clock
  serverNow(): number
}

type Page = { cursor: string | undefined; from: number; count: number; items: DeviceView[] | null }

export const pageSize = 100
const keptPages = 60
/** So far ahead of what is seen the next page is asked for. */
const aheadCount = 60
const rereadPauseMs = 400
/** A filter has room for so many uuids. */
const rereadCount = 40
const freshenMs = 15_000
/** News of many rows are drawn together. */
const drawMs = 50

const empty: ListState = {
  rowCount: 0,
  total: null,
  scanned: null,
  isWhole: false,
  isLoading: true,
  isOld: false,
  error: null,
  newCount: 0,
  strayCount: 0,
}

export class DeviceList {
  readonly #deps: ListDeps
  readonly #listeners = new Set<() => void>()
  readonly #places = new Map<string, Page>()
  readonly #stale = new Set<string>()
  readonly #strays = new Set<string>()
  #question: Question = {}
  #filter: Filter | null = null
  #round = new AbortController()
  #pages: Page[] = []
  #next: string | null | undefined
  #seen = { from: 0, to: 0 }
  #isBusy = false
  #isFirst = true
  #state = empty
  #cancelReread: (() => void) | null = null
  #cancelDraw: (() => void) | null = null

  constructor(deps: ListDeps) {
    this.#deps = deps
  }

  readonly read = (): ListState => this.#state
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  /** Keeps what is in view fresh until the returned function is called. */
  start(): () => void {
    const freshen = () => {
      this.#markSeen()
      cancel = this.#deps.clock.after(freshenMs, freshen)
    }
    let cancel = this.#deps.clock.after(freshenMs, freshen)
    return () => {
      cancel()
      this.#round.abort()
      this.#cancelReread?.()
      this.#cancelReread = null
      this.#cancelDraw?.()
      this.#cancelDraw = null
    }
  }

  /** Asks anew. What was shown stays until the first page of the answer is there. */
  ask(question: Question): void {
    this.#round.abort()
    this.#round = new AbortController()
    this.#question = question
    const read = question.filter ? readFilter(question.filter) : null
    this.#filter = read && 'filter' in read ? read.filter : null
    this.#next = undefined
    this.#isBusy = false
    this.#isFirst = true
    this.#seen = { from: 0, to: 0 }
    this.#become({ isLoading: true, isOld: this.#state.rowCount > 0, error: null })
    this.#work()
  }

  again(): void {
    this.ask(this.#question)
  }

  /** Tries once more what failed. */
  retry(): void {
    this.#become({ error: null })
    this.#work()
  }

  /** These rows are in view. */
  see(from: number, to: number): void {
    this.#seen = { from, to }
    this.#work()
  }

  /** Null: it is being read. */
  row(index: number): DeviceView | null {
    const page = this.#pageAt(index)
    return page?.items?.[index - page.from] ?? null
  }

  isStray(uuid: string): boolean {
    return this.#strays.has(uuid)
  }

  readonly take = (event: StreamEvent): void => {
    if (event.event === 'opened' || event.event === 'missed') this.#markSeen()
    if (event.event !== 'transition' && event.event !== 'progress' && event.event !== 'device')
      return
    const device = this.#find(event.data.uuid)
    if (event.event === 'device' && event.data.change === 'created' && !device)
      this.#becomeSoon({ newCount: this.#state.newCount + 1 })
    if (!device) return
    if (event.event === 'device' && event.data.change === 'deleted') {
      this.#strays.add(device.uuid)
      this.#becomeSoon({})
      return
    }
    if (event.event === 'transition') this.#put(afterTransition(device, event.data))
    if (event.event === 'progress')
      this.#put({ ...device, status: { ...device.status, progress: event.data.progress } })
    this.#mark([device.uuid])
  }

  #find(uuid: string): DeviceView | undefined {
    return this.#places.get(uuid)?.items?.find((device) => device.uuid === uuid)
  }

  #put(device: DeviceView): void {
    const page = this.#places.get(device.uuid)
    const at = page?.items?.findIndex(({ uuid }) => uuid === device.uuid) ?? -1
    if (!page?.items || at < 0) return
    page.items = page.items.with(at, device)
    const matches =
      !this.#filter || matchesFilter(this.#filter, filteredDeviceOf(device), this.#deps.serverNow())
    if (matches) this.#strays.delete(device.uuid)
    else this.#strays.add(device.uuid)
    this.#becomeSoon({})
  }

  #markSeen(): void {
    const seen: string[] = []
    for (let index = this.#seen.from; index <= this.#seen.to; index++) {
      const device = this.row(index)
      if (device) seen.push(device.uuid)
    }
    this.#mark(seen)
  }

  /** They are read again soon, together, since an event does not say everything. */
  #mark(uuids: readonly string[]): void {
    for (const uuid of uuids) this.#stale.add(uuid)
    if (this.#stale.size === 0) return
    this.#cancelReread ??= this.#deps.clock.after(rereadPauseMs, () => void this.#reread())
  }

  async #reread(): Promise<void> {
    const uuids = [...this.#stale].slice(0, rereadCount)
    if (uuids.length === 0) {
      // The question has become another one meanwhile.
      this.#cancelReread = null
      return
    }
    for (const uuid of uuids) this.#stale.delete(uuid)
    const filter = `uuid in (${uuids.map(quoted).join(', ')})`
    const { signal } = this.#round
    try {
      const { items } = await this.#deps.load({ filter, limit: rereadCount }, signal)
      for (const device of items) this.#put(device)
    } catch {
      // The next event, or the next turn of the clock, asks again.
    }
    this.#cancelReread = null
    if (!signal.aborted) this.#mark([])
  }

  #pageAt(index: number): Page | undefined {
    let [low, high] = [0, this.#pages.length - 1]
    while (low <= high) {
      const middle = (low + high) >> 1
      const page = this.#pages[middle]!
      if (index < page.from) high = middle - 1
      else if (index >= page.from + page.count) low = middle + 1
      else return page
    }
    return undefined
  }

  /** Reads what is wanted, one page at a time. */
  #work(): void {
    const page = this.#wantedPage()
    if (this.#isBusy || !page || this.#state.error) return
    this.#isBusy = true
    const round = this.#round
    const { q, filter, sort } = this.#question
    const query = { q: q || undefined, filter: filter || undefined, sort: sort || undefined }
    this.#deps
      .load({ ...query, limit: pageSize, cursor: page.cursor } as DeviceQuery, round.signal)
      .then(
        (read) => {
          if (round === this.#round) this.#receive(page, read)
        },
        (error: unknown) => {
          if (round !== this.#round) return
          this.#isBusy = false
          this.#become({ error, isLoading: false, isOld: false })
        },
      )
  }

  #wantedPage(): Page | null {
    if (this.#isFirst) return { cursor: undefined, from: 0, count: 0, items: null }
    const { from, to } = this.#seen
    const forgotten = this.#pages.find(
      (page) => !page.items && page.from <= to && page.from + page.count > from,
    )
    if (forgotten) return forgotten
    const { rowCount } = this.#state
    if (this.#next === null || to + aheadCount < rowCount) return null
    return { cursor: this.#next, from: rowCount, count: 0, items: null }
  }

  #receive(page: Page, { items, nextCursor, total, scanned }: DevicePage): void {
    this.#isBusy = false
    if (this.#isFirst) {
      this.#isFirst = false
      this.#pages = []
      this.#places.clear()
      this.#strays.clear()
      this.#stale.clear()
    }
    const isKnown = this.#pages.includes(page)
    page.items = isKnown ? items.slice(0, page.count) : items
    for (const { uuid } of page.items) this.#places.set(uuid, page)
    if (!isKnown) {
      page.count = items.length
      if (page.count > 0) this.#pages.push(page)
      this.#next = nextCursor
    }
    this.#forget()
    const last = this.#pages.at(-1)
    this.#become({
      rowCount: last ? last.from + last.count : 0,
      ...(isKnown ? {} : { total: total ?? null, scanned: scanned ?? null }),
      ...(page.from === 0 && !isKnown ? { newCount: 0 } : {}),
      isWhole: this.#next === null,
      isLoading: false,
      isOld: false,
    })
    this.#work()
  }

  /** Drops the pages that are the farthest from what is seen; their places stay. */
  #forget(): void {
    const held = this.#pages.filter(({ items }) => items)
    if (held.length <= keptPages) return
    const distance = ({ from }: Page) => Math.abs(from - this.#seen.from)
    const farthest = held.reduce((far, page) => (distance(page) > distance(far) ? page : far))
    for (const { uuid } of farthest.items ?? []) this.#places.delete(uuid)
    farthest.items = null
  }

  #become(next: Partial<ListState>): void {
    this.#cancelDraw?.()
    this.#cancelDraw = null
    this.#state = { ...this.#state, ...next, strayCount: this.#strays.size }
    for (const listener of this.#listeners) listener()
  }

  /** It is so at once, and told with what else happens in this moment: a wave redraws few times. */
  #becomeSoon(next: Partial<ListState>): void {
    this.#state = { ...this.#state, ...next, strayCount: this.#strays.size }
    this.#cancelDraw ??= this.#deps.clock.after(drawMs, () => this.#become({}))
  }
}
