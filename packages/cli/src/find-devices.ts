// Many devices by what a person calls them, in few requests: as many names as one filter holds are asked
// for together. What is not exactly one name is found as it would be by itself (find-device.ts), which
// also says best why it is not found. However many they are, the rate limit only makes it slower.

import type { ApiClient } from '@muster/core/api-client.ts'
import { type Clock, pause } from '@muster/core/clock.ts'
import { maxFilterLength, quoted } from '@muster/core/device-filter.ts'
import { Refusal } from '@muster/core/errors.ts'
import { findDevice } from './find-device.ts'

const wholeUuid = /^(?:[0-9a-f]{32}|[0-9a-f]{62})$/
/** What may begin a uuid is looked for among uuids first. */
const mayBeUuid = /^[0-9a-f]{7,62}$/i
const maxNames = 200
const longestName = 100
const pageLimit = 500
/** Where a refusal does not say how long to wait. */
const ownPauseMs = 500
const maxTries = 60

export type Finding = { api: ApiClient; clock: Clock }

/** In the order of the words. */
export async function findUuids(finding: Finding, words: readonly string[]): Promise<string[]> {
  const { api, clock } = finding
  const names = words.filter((word) => !mayBeUuid.test(word) && word.length <= longestName)
  const uuidsOf = await findNames(finding, [...new Set(names)])
  const found: string[] = []
  for (const word of words) {
    const [uuid, another] = wholeUuid.test(word) ? [word] : (uuidsOf.get(word) ?? [])
    const isSure = uuid !== undefined && another === undefined
    found.push(isSure ? uuid : (await patiently(clock, () => findDevice(api, word))).uuid)
  }
  return found
}

async function findNames(
  { api, clock }: Finding,
  names: readonly string[],
): Promise<Map<string, string[]>> {
  const uuidsOf = new Map<string, string[]>()
  for (const filter of filtersOf(names))
    for (let cursor: string | undefined; ; ) {
      const page = await patiently(clock, () =>
        api.devices.page({ filter, limit: pageLimit, cursor }),
      )
      for (const { name, uuid } of page.items)
        uuidsOf.set(name, [...(uuidsOf.get(name) ?? []), uuid])
      if (page.nextCursor === null) break
      cursor = page.nextCursor
    }
  return uuidsOf
}

/** Each as long as a filter may be. */
function filtersOf(names: readonly string[]): string[] {
  const filters: string[] = []
  const textOf = (some: readonly string[]) => `name in (${some.map(quoted).join(', ')})`
  let some: string[] = []
  for (const name of names) {
    if (some.length === maxNames || textOf([...some, name]).length > maxFilterLength) {
      filters.push(textOf(some))
      some = []
    }
    some.push(name)
  }
  return some.length > 0 ? [...filters, textOf(some)] : filters
}

/** Waits as long as the server says where too much was asked of it. */
async function patiently<T>(clock: Clock, ask: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++)
    try {
      return await ask()
    } catch (error) {
      const isLimit = error instanceof Refusal && error.code === 'too-many-requests'
      if (!isLimit || tries === maxTries) throw error
      await pause(clock, error.retryAfterMs ?? ownPauseMs)
    }
}
