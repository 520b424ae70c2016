// The door of a replica, as device-api opens it, without sockets: the same translation of requests
// into calls of presence and the registry, by the same readers of reports and makers of target states.
// What reaches presence is written to the log of sightings at the same instant.

import { problemOf, Refusal } from '@muster/core/errors.ts'
import type { Observation } from '@muster/core/evidence.ts'
import type { AgentKind } from '@muster/core/policy.ts'
import type { Answer, Call } from '../packages/agent/src/transport.ts'
import { readReport } from '../packages/server/src/device-api/report.ts'
import { createTargets } from '../packages/server/src/device-api/target-state.ts'
import type { KnownDevice } from '../packages/server/src/presence/ports.ts'
import { hashKey } from './people.ts'
import type { Run } from './replicas.ts'
import type { SimDevice } from './sim-device.ts'
import type { World } from './world.ts'

export type Front = ReturnType<typeof createFront>

const statePrefix = '/device/v3/'
const address = '192.0.2.7'
const notModified: Answer = { status: 304, headers: {}, body: '' }

export function createFront(world: World) {
  const targets = createTargets()

  function take(run: Run, call: Call): Answer | Promise<Answer> {
    const { method, path, headers } = call
    const key = headers.authorization!.slice('Bearer '.length)
    if (method === 'GET') {
      const uuid = path.slice(statePrefix.length, -'/state'.length)
      const admitted = run.presence.admit(uuid, hashKey(key))
      if (!(admitted instanceof Promise)) return answerPoll(run, call, key, admitted)
      return admitted.then((known) => answerPoll(run, call, key, known), refuse)
    }
    return answerRest(run, call, key).catch(refuse)
  }

  function answerPoll(run: Run, call: Call, key: string, known: KnownDevice | null): Answer {
    if (!known) return refuse(new Refusal('device-key-refused'))
    const device = world.devicesByUuid.get(known.uuid)!
    run.presence.heartbeat(known, hashKey(key), kindOf(call), address)
    if (mayCount(run, device, key)) world.sightings.heartbeat(run, device, known)
    const etagOfDevice = call.headers['if-none-match']
    if (known.frozen) {
      if (etagOfDevice === undefined) return refuse(new Refusal('device-frozen'))
      return notModified
    }
    const etag = targets.etagOf(known)
    if (etagOfDevice === etag) return notModified
    return { status: 200, headers: { etag }, body: JSON.stringify(targets.stateOf(known)) }
  }

  async function answerRest(run: Run, call: Call, key: string): Promise<Answer> {
    const { method, path, body } = call
    const said = JSON.parse(body!)
    if (path === '/device/register') {
      await run.registry.registerDevice({
        provisioningKey: key,
        uuid: said.uuid,
        application: said.application,
        deviceKey: said.api_key,
      })
      return { status: 201, headers: {}, body: '{}' }
    }
    const isReport = method === 'PATCH'
    const uuid = isReport ? Object.keys(said)[0]! : path.split('/')[3]!
    const known = await run.presence.admit(uuid, hashKey(key))
    if (!known) return refuse(new Refusal('device-key-refused'))
    const from = { agent: kindOf(call), address }
    const read = isReport ? readReport(uuid, said) : null
    const observe = (at: number): Observation[] =>
      read
        ? read.observe(at, from)
        : [
            { kind: 'heartbeat', at, ...from },
            { kind: 'goodbye', at, by: null, expectedBackMs: null, ...said },
          ]
    await report(world, run, known, key, observe)
    return { status: isReport ? 200 : 204, headers: {}, body: '' }
  }

  return { take }
}

async function report(
  world: World,
  run: Run,
  known: KnownDevice,
  key: string,
  observe: (at: number) => Observation[],
): Promise<void> {
  const device = world.devicesByUuid.get(known.uuid)!
  const at = run.clock.now()
  const judged = run.presence.report(known, hashKey(key), observe)
  if (!mayCount(run, device, key)) {
    if (await judged)
      world.checks.violation('a report with a key that is not valid was taken', device)
    throw new Refusal('device-key-refused')
  }
  const sighting = world.sightings.observed(run, device, at, observe(at))
  try {
    if (await judged) return
  } catch (error) {
    world.sightings.refused(device, sighting)
    throw error
  }
  sighting.doubtful = true
  throw new Refusal('device-key-refused')
}

/** By the truth: the key opens the device at this instant, or may, because it is changing just now. */
function mayCount(run: Run, device: SimDevice, key: string): boolean {
  if (device.keyChanging) return true
  const at = run.clock.now()
  return device.keys.some(
    (one) => one.key === key && (one.expiresAt === null || at < one.expiresAt),
  )
}

function kindOf({ headers }: Call): AgentKind {
  return headers['user-agent']!.startsWith('Supervisor/') ? 'supervisor' : 'muster'
}

function refuse(error: unknown): Answer {
  if (!(error instanceof Refusal)) {
    const problem = problemOf('store-unavailable')
    return { status: 503, headers: {}, body: JSON.stringify(problem) }
  }
  const problem = problemOf(error.code)
  const retryMs = error.retryAfterMs
  const headers: Record<string, string> =
    retryMs === undefined ? {} : { 'retry-after': String(Math.ceil(retryMs / 1_000)) }
  return { status: problem.status, headers, body: JSON.stringify(problem) }
}
