// What each kind of bulk operation does to one device: a pure look that says what would come of it, and
// for what is more than a name or a tag, the doing, which is the single operation of the registry.
//
// A new kind is a row of `bulkKinds` (core) and a row here. `run` may be called again for a device after
// a replica was killed in the middle; `key` is then the same, for whoever must do a thing at most once.

import type { BulkKind, BulkParameters, BulkSkip, DeviceEdit } from '@muster/core/bulk-api.ts'
import { type ErrorCode, Refusal } from '@muster/core/errors.ts'
import { nameByPattern, parseNamePattern } from '@muster/core/name-pattern.ts'
import type { BulkAuthor, BulkDevice, DeviceChanger } from './ports.ts'

/** What would come of it. An edit is what changes; without one the kind is run. */
export type Verdict =
  | { kind: 'ok'; edit: DeviceEdit | null }
  | { kind: 'failed'; code: ErrorCode; detail?: string }
  | { kind: 'skipped'; code: BulkSkip }

type Running = { registry: DeviceChanger; author: BulkAuthor; key: string }

type KindRow<P> = {
  /** Refuses with `invalid-request` what the schema cannot tell. */
  prepare?(parameters: P): void
  /** `number`: its place in the selection, from 1. */
  preview(device: BulkDevice, parameters: P, number: number): Verdict
  /** Refuses as the single operation does. Absent: the edit is all, and is stored with its result. */
  run?(device: BulkDevice, parameters: P, running: Running): Promise<void>
  /** Whether a device is as it would be after its turn; asked only where there is no edit to compare. */
  isSo?(device: BulkDevice | undefined): boolean
}

const ok: Verdict = { kind: 'ok', edit: null }

export const kinds: { [K in BulkKind]: KindRow<BulkParameters<K>> } = {
  tag: { preview: (_, { tags }) => ({ kind: 'ok', edit: { tags } }) },
  untag: {
    preview: (_, { keys }) => ({
      kind: 'ok',
      edit: { tags: Object.fromEntries(keys.map((key) => [key, null])) },
    }),
  },
  rename: {
    prepare: ({ pattern }) => void parseNamePattern(pattern),
    preview(device, { pattern }, number) {
      const named = nameByPattern(parseNamePattern(pattern), device, number)
      return 'name' in named
        ? { kind: 'ok', edit: { name: named.name } }
        : { kind: 'failed', code: 'name-impossible', detail: named.missing }
    },
  },
  move: { preview: (_, { fleet }) => ({ kind: 'ok', edit: { fleet } }) },
  activate: {
    preview: () => ok,
    run: ({ uuid }, _, { registry, author }) =>
      registry.activateDevice(author.organizationId, uuid, author.email),
    isSo: (device) => device?.life === 'active',
  },
  deactivate: {
    preview: ({ heartbeat, cloudlink }) =>
      heartbeat === 'online' || heartbeat === 'timeout' || cloudlink === 'connected'
        ? { kind: 'failed', code: 'device-in-contact' }
        : ok,
    run: ({ uuid }, _, { registry, author }) =>
      registry.deactivateDevice(author.organizationId, uuid, author.email),
    isSo: (device) => device?.life === 'deactivated',
  },
  freeze: {
    preview: () => ok,
    run: ({ uuid }, _, { registry, author }) =>
      registry.freezeDevice(author.organizationId, uuid, author.email),
    isSo: (device) => device?.isFrozenByHand === true,
  },
  thaw: {
    preview: () => ok,
    run: ({ uuid }, _, { registry, author }) => registry.thawDevice(author.organizationId, uuid),
    isSo: (device) => device?.isFrozenByHand === false,
  },
  delete: {
    preview: () => ok,
    async run({ uuid }, _, { registry, author }) {
      try {
        await registry.deleteDevice(author.organizationId, uuid)
      } catch (error) {
        // It was there a moment ago, so it is as it should be, whoever did it.
        if (!(error instanceof Refusal && error.code === 'device-not-found')) throw error
      }
    },
    isSo: (device) => device === undefined,
  },
}

export function kindOf(kind: BulkKind): KindRow<Readonly<Record<string, unknown>>> {
  // Parameters were checked by the schema of their kind when the operation was made.
  return kinds[kind] as KindRow<Readonly<Record<string, unknown>>>
}

/** What of an edit differs from how the device is; null: nothing does. */
export function differing(device: BulkDevice, edit: DeviceEdit): DeviceEdit | null {
  const tags = Object.entries(edit.tags ?? {}).filter(
    ([key, value]) => tagOf(device, key) !== value,
  )
  const differs: DeviceEdit = {
    ...(edit.name !== undefined && edit.name !== device.name ? { name: edit.name } : {}),
    ...(edit.fleet !== undefined && edit.fleet !== device.fleet ? { fleet: edit.fleet } : {}),
    ...(tags.length > 0 ? { tags: Object.fromEntries(tags) } : {}),
  }
  return Object.keys(differs).length > 0 ? differs : null
}

/** How the device is in what an edit changes. */
export function beforeOf(device: BulkDevice, edit: DeviceEdit): DeviceEdit {
  const keys = Object.keys(edit.tags ?? {})
  return {
    ...(edit.name === undefined ? {} : { name: device.name }),
    ...(edit.fleet === undefined ? {} : { fleet: device.fleet }),
    ...(edit.tags
      ? { tags: Object.fromEntries(keys.map((key) => [key, tagOf(device, key)])) }
      : {}),
  }
}

function tagOf({ tags }: BulkDevice, key: string): string | null {
  return Object.hasOwn(tags, key) ? tags[key]! : null
}
