// What a device says in PATCH /device/v3/state, turned into observations (which its status rests on)
// and facts about its host (which it does not). Unknown fields are ignored, because newer and older
// supervisors send them; known ones of the wrong type refuse the whole report.

import { Refusal } from '@muster/core/errors.ts'
import type { Observation } from '@muster/core/evidence.ts'
import type { AgentKind } from '@muster/core/policy.ts'
import type { UpdateStatus } from '@muster/core/statuses.ts'
import type { Facts } from './ports.ts'

/** Longest text that is kept of each fact, in characters; the rest is cut off, as the protocol has it. */
export const texts: Record<string, number> = {
  os_version: 70,
  os_variant: 70,
  supervisor_version: 70,
  ip_address: 2_000,
  mac_address: 900,
  cpu_id: 70,
  storage_block_device: 70,
  agent_version: 70,
  architecture: 70,
  model: 100,
  kernel: 100,
  hostname: 255,
  boot_id: 70,
  docker: 70,
}

export const numbers = new Set([
  'api_port',
  'cpu_usage',
  'cpu_temp',
  'memory_usage',
  'memory_total',
  'storage_usage',
  'storage_total',
  'uptime_ms',
])

export const booleans = new Set(['is_undervolted'])

/** The stage in which a device is provisioned and has not booted its own system yet. */
const postProvisioning = 'post-provisioning'
const maxStepLength = 200

export type ReadReport = {
  facts: Facts
  observe(at: number, from: { agent: AgentKind; address: string | null }): Observation[]
}

/** Reads a body that is keyed by uuid. Refuses with `invalid-report`, naming the field. */
export function readReport(uuid: string, body: unknown): ReadReport {
  const keyed = objectOf(body, 'the body')
  const stranger = Object.keys(keyed).find((key) => key !== uuid)
  if (stranger !== undefined) refuse(`"${clip(stranger, 70)}"`, 'a device reports only on itself')
  const report = objectOf(keyed[uuid], `"${uuid}"`)
  const stage = readStage(report)
  const update = readUpdate(report.apps)
  return {
    facts: readFacts(report),
    observe: (at, { agent, address }) => [
      { kind: 'heartbeat', at, agent, address, stage: stage?.kind === 'provisioning' },
      ...(stage ? [{ ...stage, at }] : []),
      ...(update ? [{ ...update, at }] : []),
    ],
  }
}

function readFacts(report: Record<string, unknown>): Facts {
  const facts: Facts = {}
  for (const [name, value] of Object.entries(report)) {
    if (value === null && isFact(name)) facts[name] = null
    else if (name in texts) facts[name] = clip(textOf(value, name), texts[name]!)
    else if (numbers.has(name)) facts[name] = numberOf(value, name)
    else if (booleans.has(name)) facts[name] = booleanOf(value, name)
    else if (name === 'services') facts.services = servicesOf(value)
  }
  return facts
}

function isFact(name: string): boolean {
  return name in texts || numbers.has(name) || booleans.has(name) || name === 'services'
}

const maxServices = 50
const serviceTexts = { name: 100, state: 30, image: 200 }

function servicesOf(value: unknown): Record<string, string>[] {
  if (!Array.isArray(value)) return refuse('services', 'it must be a list')
  return value.slice(0, maxServices).map((one) => {
    const service = objectOf(one, 'services')
    const fields = Object.entries(serviceTexts).map(([field, length]) => [
      field,
      clip(textOf(service[field], `services.${field}`), length),
    ])
    return Object.fromEntries(fields)
  })
}

type Undated<O> = O extends Observation ? Omit<O, 'at'> : never

/** Provisioning and configuring share two fields: the stage "Post-Provisioning" tells them apart. */
function readStage(
  report: Record<string, unknown>,
): Undated<Extract<Observation, { kind: 'provisioning' | 'configuring' | 'configured' }>> | null {
  const { provisioning_state: state, provisioning_progress: progress } = report
  if (state === undefined && progress === undefined) return null
  const step = clip(textOf(state ?? '', 'provisioning_state'), maxStepLength)
  const done = progressOf(progress, 'provisioning_progress')
  if (step.toLowerCase() === postProvisioning)
    return { kind: 'provisioning', stage: step, progress: done }
  if (done === null && (step === '' || progress === null)) return { kind: 'configured' }
  return { kind: 'configuring', step: step || 'Configuring', progress: done }
}

/** As reported for each release, the least advanced first. */
const updateOrder = [
  'rejected',
  'aborted',
  'downloading',
  'downloaded',
  'applying-changes',
  'done',
] as const satisfies readonly UpdateStatus[]

/** The least advanced release decides; progress is over all images, of which unknown counts as done. */
function readUpdate(apps: unknown): Undated<Extract<Observation, { kind: 'update' }>> | null {
  if (apps === undefined || apps === null) return null
  let least: number | null = null
  const progress: number[] = []
  for (const release of releasesOf(apps)) {
    for (const service of valuesOf(release.services, 'services'))
      progress.push(progressOf(service.download_progress, 'download_progress') ?? 100)
    const { update_status: word } = release
    if (word === undefined || word === null) continue
    const order = updateOrder.indexOf(
      textOf(word, 'update_status').replace(' ', '-') as UpdateStatus,
    )
    if (order < 0) refuse('update_status', 'it is none of the words of the protocol')
    least = Math.min(least ?? order, order)
  }
  if (least === null) return null
  const sum = progress.reduce((total, one) => total + one, 0)
  const updateStatus = updateOrder[least]!
  const overall = progress.length === 0 ? null : Math.round(sum / progress.length)
  return { kind: 'update', updateStatus, progress: overall }
}

function releasesOf(apps: unknown): Record<string, unknown>[] {
  return valuesOf(apps, 'apps').flatMap((app) => valuesOf(app.releases, 'releases'))
}

function valuesOf(value: unknown, name: string): Record<string, unknown>[] {
  if (value === undefined || value === null) return []
  return Object.values(objectOf(value, name)).map((one) => objectOf(one, name))
}

function objectOf(value: unknown, name: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>
  return refuse(name, 'it must be an object')
}

function textOf(value: unknown, name: string): string {
  return typeof value === 'string' ? value : refuse(name, 'it must be a text')
}

function numberOf(value: unknown, name: string): number {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  if (typeof number === 'number' && Number.isFinite(number)) return number
  return refuse(name, 'it must be a number')
}

function booleanOf(value: unknown, name: string): boolean {
  return typeof value === 'boolean' ? value : refuse(name, 'it must be true or false')
}

/** 0 to 100, or unknown; what is beyond is cut off, because supervisors have rounded to 101. */
function progressOf(value: unknown, name: string): number | null {
  if (value === undefined || value === null || value === '') return null
  return Math.min(100, Math.max(0, numberOf(value, name)))
}

/** Without control characters, which a database or a terminal might take amiss. */
function clip(text: string, length: number): string {
  return text.replace(/\p{Cc}/gu, ' ').slice(0, length)
}

function refuse(field: string, why: string): never {
  throw new Refusal('invalid-report', `${field}: ${why}`)
}
