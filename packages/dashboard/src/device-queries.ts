// What is read about one device, and when it is read again: what the live stream says of it is shown at
// once and read again together a moment later; times that no event tells of (each heartbeat is one) are
// looked at every few seconds. All of it has a key that begins with `device` and the uuid.

import type { DeviceView, TransitionView } from '@muster/core/api.ts'
import type { ApiClient, StreamEvent } from '@muster/core/api-client.ts'
import { errors, Refusal } from '@muster/core/errors.ts'
import { type QueryClient, useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect } from 'react'
import { useMuster } from './muster.tsx'
import { afterTransition } from './view/after-transition.ts'
import { createRereads } from './view/rereads.ts'

/** Everything that is known of a device has its place under one of these. */
const deviceParts = [
  'record',
  'course',
  'history',
  'available',
  'actions',
  'url',
  'audit',
  'health',
] as const
export type DevicePart = (typeof deviceParts)[number]

export const deviceKey = (uuid: string, part?: DevicePart, ...more: unknown[]) => [
  'device',
  uuid,
  ...(part ? [part, ...more] : []),
]
/** Not read again with every change of any device. */
export const followsLive = { meta: { followsLive: true } } as const

const lookMs = 5_000

/** Where a change is due at any moment. */
const closeLookMs = 1_000
const closeMs = 2_000

const isFinal = (error: unknown): boolean =>
  error instanceof Refusal && errors[error.code].http < 500

export function useDevice(uuid: string) {
  const { api } = useMuster()
  const queries = useQueryClient()
  const record = useQuery({
    queryKey: deviceKey(uuid, 'record'),
    queryFn: () => api.devices.read(uuid),
    refetchInterval({ state: { data, error } }) {
      // What is not there is not asked for again and again.
      if (isFinal(error)) return false
      const dueAt = data?.status.lapsesAt ?? Number.POSITIVE_INFINITY
      return dueAt - api.serverNow() < closeMs ? closeLookMs : lookMs
    },
    ...followsLive,
  })
  useFollowed(uuid, record.data?.uuid ?? uuid)
  const put = (device: DeviceView) => queries.setQueryData(deviceKey(uuid, 'record'), device)
  return { ...record, put }
}

/** `asked` may be the beginning of `uuid`. */
function useFollowed(asked: string, uuid: string): void {
  const { live, clock } = useMuster()
  const queries = useQueryClient()
  useEffect(() => {
    const rereads = createRereads<DevicePart>(clock, (parts) => {
      for (const part of parts) void queries.invalidateQueries({ queryKey: deviceKey(asked, part) })
    })
    const unfollow = live.follow((event) => {
      if (event.event === 'opened' || event.event === 'missed') rereads.ask(...deviceParts)
      if (!('data' in event) || !('uuid' in event.data) || event.data.uuid !== uuid) return
      patch(queries, asked, event)
      rereads.ask(...changedBy(event))
    })
    return () => {
      unfollow()
      rereads.stop()
    }
  }, [live, clock, queries, asked, uuid])
}

/** What an event of the device makes old. */
function changedBy({ event }: StreamEvent): readonly DevicePart[] {
  if (event === 'action') return ['actions', 'available', 'audit']
  if (event === 'transition') return ['record', 'course', 'history', 'available']
  if (event === 'device') return ['record', 'available', 'url', 'audit', 'health']
  return ['record']
}

function patch(queries: QueryClient, asked: string, event: StreamEvent): void {
  queries.setQueryData(deviceKey(asked, 'record'), (device: DeviceView | undefined) => {
    if (!device) return undefined
    if (event.event === 'transition') return afterTransition(device, event.data)
    if (event.event === 'progress')
      return { ...device, status: { ...device.status, progress: event.data.progress } }
    return device
  })
}

export const courseSpans = { hour: 3_600_000, day: 86_400_000, week: 604_800_000 } as const
export type CourseSpan = keyof typeof courseSpans

const courseLookMs = 60_000
const coursePageSize = 500
const mostPages = 4

/** What the device did over that time: its transitions, newest first, and when nobody listened. */
export function useCourse(uuid: string, span: CourseSpan) {
  const { api } = useMuster()
  return useQuery({
    queryKey: deviceKey(uuid, 'course', span),
    queryFn: () => loadCourse(api, uuid, span),
    refetchInterval: courseLookMs,
    ...followsLive,
  })
}

async function loadCourse(api: ApiClient, uuid: string, span: CourseSpan) {
  const fromAt = Math.round(api.serverNow()) - courseSpans[span]
  // Without a beginning it is a day, as far as it is kept.
  const asked = span === 'day' ? {} : { from: String(fromAt) }
  const uptime = await api.history.deviceUptime(uuid, asked)
  const transitions: TransitionView[] = []
  let isCut = false
  let pageCount = 0
  for await (const page of api.devices.history(uuid, {
    from: uptime.from,
    limit: coursePageSize,
  })) {
    transitions.push(...page.items)
    isCut = ++pageCount === mostPages && page.nextCursor !== null
    if (isCut) break
  }
  if (!isCut)
    for await (const { items } of api.devices.history(uuid, { to: uptime.from, limit: 1 })) {
      transitions.push(...items)
      break
    }
  return { uptime, transitions, isCut }
}
