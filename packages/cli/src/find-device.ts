// A device by what a person calls it: its uuid, the beginning of its uuid, or its exact name. A uuid
// comes first, since a name may look like one, and a uuid is never given to two devices.

import type { DeviceView } from '@muster/core/api.ts'
import type { ApiClient } from '@muster/core/api-client.ts'
import { quoted } from '@muster/core/device-filter.ts'
import { Refusal } from '@muster/core/errors.ts'

const uuidBeginning = /^[0-9a-f]{7,62}$/i
const similarCount = 5

export async function findDevice({ devices }: ApiClient, word: string): Promise<DeviceView> {
  let ambiguous: Refusal | undefined
  if (uuidBeginning.test(word)) {
    try {
      return await devices.read(word.toLowerCase())
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      if (error.code === 'device-ambiguous') ambiguous = error
      else if (error.code !== 'device-not-found') throw error
    }
  }
  const { exact, similar } = await findByName(devices, word)
  if (exact.length === 1) return exact[0]!
  if (exact.length > 1) {
    const uuids = exact.map(({ uuid }) => uuid).join(', ')
    throw new Refusal('device-ambiguous', `the name "${word}" belongs to ${uuids}; use a uuid`)
  }
  if (ambiguous) throw ambiguous
  const hint = similar.length > 0 ? `; names that begin so: ${similar.join(', ')}` : ''
  throw new Refusal('device-not-found', `no uuid begins with, and no name is, "${word}"${hint}`)
}

/** A filter takes upper and lower case for the same; a name that is meant does not. */
async function findByName(devices: ApiClient['devices'], name: string) {
  const sought = quoted(name.slice(0, 100))
  const exact: DeviceView[] = []
  for await (const page of devices.pages({ filter: `name = ${sought}`, limit: 100 }))
    exact.push(...page.items.filter((device) => device.name === name))
  if (exact.length > 0) return { exact, similar: [] }
  const filter = `name begins ${sought}`
  const { items } = await devices.page({ filter, sort: 'name', limit: similarCount })
  return { exact, similar: items.map((device) => device.name) }
}
