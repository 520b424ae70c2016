import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultPolicy } from '@muster/core/policy.ts'
import {
  answered,
  deviceKey,
  refused,
  type Script,
  settled,
  targetState,
  testLoop,
  unreachable,
  userAgent,
  uuid,
  wellServed,
} from './fixtures.ts'
import { stopWithinMs } from './loop.ts'
import type { Answer } from './transport.ts'

const intervalMs = defaultPolicy.heartbeatIntervalMs
const registration = {
  provisioningKey: 'provisioning',
  body: { uuid, api_key: deviceKey },
}
const times = (calls: { at: number }[]) => calls.map(({ at }) => at)

/** Answers one kind of request by `own`, the rest as a server to which nothing happens. */
const only =
  (part: string, own: Script): Script =>
  (call) =>
    call.path.includes(part) || call.method === part ? own(call) : wellServed()(call)

/** Answers with each of `answers` in turn, then for ever with the last. */
function inTurn(...answers: (Answer | Error)[]): Script {
  let next = 0
  return () => answers[Math.min(next++, answers.length - 1)]!
}

/** A request that is answered when the test says so. */
function held() {
  let give: (answer: Answer) => void = () => {}
  const answer = new Promise<Answer>((resolve) => {
    give = resolve
  })
  return { script: () => answer, give: (value: Answer) => give(value) }
}

test('the first heartbeat is at once, the next ones an interval apart', async () => {
  const { loop, clock, heartbeats } = testLoop()
  loop.start()
  await clock.pass(3 * intervalMs)
  assert.deepEqual(times(heartbeats()), [0, intervalMs, 2 * intervalMs, 3 * intervalMs])
})

test('heartbeats keep their pace however long an answer takes', async () => {
  const answers: ReturnType<typeof held>[] = []
  const script: Script = (call) => {
    if (call.method !== 'GET') return wellServed()(call)
    answers.push(held())
    return answers.at(-1)!.script()
  }
  const { loop, clock, heartbeats } = testLoop({ script })
  loop.start()
  await clock.pass(10_000)
  answers[0]!.give(targetState())
  await clock.pass(intervalMs - 10_000)
  assert.deepEqual(times(heartbeats()), [0, intervalMs])
})

test('a heartbeat is a GET of the target state with few headers, and the ETag once there is one', async () => {
  const { loop, clock, heartbeats } = testLoop()
  loop.start()
  await clock.pass(intervalMs)
  const [first, second] = heartbeats()
  assert.equal(first!.path, `/device/v3/${uuid}/state`)
  assert.equal(first!.body, null)
  const headers = { authorization: `Bearer ${deviceKey}`, 'user-agent': userAgent }
  assert.deepEqual(first!.headers, headers)
  assert.deepEqual(second!.headers, { ...headers, 'if-none-match': '"1"' })
})

test('registration carries the provisioning key and the device’s own pair, and heartbeats follow', async () => {
  let registeredCount = 0
  const { loop, clock, registrations, heartbeats } = testLoop({
    options: { registration, onRegistered: () => registeredCount++ },
  })
  loop.start()
  await clock.pass(0)
  assert.equal(registrations()[0]!.headers.authorization, 'Bearer provisioning')
  assert.deepEqual(JSON.parse(registrations()[0]!.body!), registration.body)
  await clock.pass(1)
  assert.equal(heartbeats()[0]!.headers.authorization, `Bearer ${deviceKey}`)
  await clock.pass(3 * intervalMs)
  assert.equal(registrations().length, 1)
  assert.equal(registeredCount, 1)
})

test('nothing but the registration is sent until it went through', async () => {
  const script = only('/register', inTurn(refused('provisioning-key-refused')))
  const { loop, clock, transport } = testLoop({ script, options: { registration } })
  loop.offer({ hostname: 'a' })
  loop.start()
  await clock.pass(10 * intervalMs)
  assert.ok(transport.seen.length > 10)
  assert.ok(transport.seen.every(({ path }) => path === '/device/register'))
})

test('a registration whose answer was lost is repeated with the same pair', async () => {
  const script = only(
    '/register',
    inTurn(unreachable('ECONNRESET'), answered(201, { id: 1, uuid, api_key: deviceKey })),
  )
  const { loop, clock, registrations, heartbeats } = testLoop({ script, options: { registration } })
  loop.start()
  await clock.pass(2_000)
  const [first, second] = registrations()
  assert.equal(first!.body, second!.body)
  assert.equal(registrations().length, 2)
  assert.equal(heartbeats().length, 1)
})

test('a new interval from the target state takes effect at once', async () => {
  const script = only('GET', () => targetState({ SUPERVISOR_POLL_INTERVAL: '5000' }))
  const { loop, clock, heartbeats } = testLoop({ script })
  loop.start()
  await clock.pass(10_000)
  assert.deepEqual(times(heartbeats()), [0, 5_000, 10_000])
  assert.equal(loop.state.intervalMs, 5_000)
})

test('a policy that changed is told once, to be remembered; one that did not is not told', async () => {
  const told: unknown[] = []
  const config = { SUPERVISOR_POLL_INTERVAL: '5000', SUPERVISOR_VPN_CONTROL: 'false' }
  const { loop, clock } = testLoop({
    script: only('GET', () => targetState(config)),
    options: { onTarget: (target) => told.push(target) },
  })
  loop.start()
  await clock.pass(20_000)
  assert.deepEqual(told, [{ intervalMs: 5_000, cloudlinkEnabled: false }])
})

test('an interval that is no number leaves the one in force', async () => {
  const script = only('GET', () => targetState({ SUPERVISOR_POLL_INTERVAL: 'soon' }))
  const { loop, clock, heartbeats } = testLoop({ script })
  loop.start()
  await clock.pass(intervalMs)
  assert.equal(heartbeats().length, 2)
  assert.equal(loop.state.intervalMs, intervalMs)
})

test('without a server the waits double up to the interval and never end', async () => {
  const script = only('GET', inTurn(unreachable()))
  const almostOne = 1 - Number.EPSILON
  const { loop, clock, heartbeats } = testLoop({ script, random: () => almostOne })
  loop.start()
  await clock.pass(200_000)
  const at = times(heartbeats())
  const waits = at.slice(1).map((each, i) => each - at[i]!)
  assert.deepEqual(waits.slice(0, 7), [2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000])
})

test('after a day without a server the first answer brings everything back', async () => {
  let down = true
  const script: Script = (call) => (down ? unreachable('ENETUNREACH') : wellServed()(call))
  const { loop, clock, heartbeats, reports, lines } = testLoop({ script })
  loop.offer({ hostname: 'a' })
  loop.start()
  await clock.pass(86_400_000)
  assert.equal(heartbeats().length > 1_440, true)
  assert.equal(lines.length, 2, 'one line for each purpose, and not a day of lines')
  down = false
  await clock.pass(intervalMs)
  const before = heartbeats().length
  assert.equal(loop.state.errands.heartbeat.failureCount, 0)
  assert.deepEqual(reports().at(-1)?.hostname, 'a')
  assert.deepEqual(loop.state.acknowledged, { hostname: 'a' })
  await clock.pass(2 * intervalMs)
  assert.equal(heartbeats().length, before + 2)
})

test('Retry-After of a 429 or 503 is honoured, and of other refusals is not', async () => {
  for (const [code, nextAt] of [
    ['too-many-requests', 94_500],
    ['server-stopping', 94_500],
    ['internal', 1_500],
  ] as const) {
    const script = only('GET', inTurn(refused(code, { 'retry-after': '90' }), targetState()))
    const { loop, clock, heartbeats } = testLoop({ script })
    loop.start()
    await clock.pass(94_500)
    assert.equal(heartbeats()[1]?.at, nextAt, code)
  }
})

test('a refused key is retried with backoff and said once', async () => {
  const script = only('GET', inTurn(refused('device-key-refused')))
  const { loop, clock, heartbeats, lines } = testLoop({ script })
  loop.start()
  await clock.pass(3_600_000)
  assert.ok(heartbeats().length > 60)
  assert.equal(lines.length, 1)
  assert.match(lines[0]!, /warn: The heartbeat did not go through: This key does not open/)
})

test('a frozen device keeps its pace: its heartbeats are taken, so nothing has failed', async () => {
  const script = only('GET', inTurn(refused('device-frozen')))
  const { loop, clock, heartbeats } = testLoop({ script })
  loop.start()
  await clock.pass(2 * intervalMs)
  assert.deepEqual(times(heartbeats()), [0, intervalMs, 2 * intervalMs])
  assert.equal(loop.state.errands.heartbeat.failureCount, 0)
})

test('a frozen device’s report waits an interval between tries and is sent once it thaws', async () => {
  const script = only('PATCH', inTurn(refused('device-frozen'), answered(200)))
  const { loop, clock, reports } = testLoop({ script })
  loop.offer({ hostname: 'a' })
  loop.start()
  await clock.pass(intervalMs - 1)
  assert.equal(reports().length, 1)
  await clock.pass(1)
  assert.equal(reports().length, 2)
  assert.deepEqual(loop.state.acknowledged, { hostname: 'a' })
})

test('a 200 that is no target state, as of a captive portal, is a failure and keeps no ETag', async () => {
  for (const body of ['<html>', '[]', '{}', JSON.stringify({ [uuid]: { name: 'x' } })]) {
    const answer = { status: 200, headers: { etag: '"portal"' }, body }
    const { loop, clock, heartbeats } = testLoop({ script: only('GET', () => answer) })
    loop.start()
    await clock.pass(2_000)
    assert.equal(heartbeats().length, 2)
    assert.equal(heartbeats()[1]!.headers['if-none-match'], undefined)
    assert.equal(loop.state.errands.heartbeat.failureCount, 2)
  }
})

test('there is never more than one request in flight for a purpose', async () => {
  const answer = held()
  const { loop, clock, heartbeats, reports } = testLoop({ script: answer.script })
  loop.start()
  for (let i = 0; i < 20; i++) {
    loop.offer({ hostname: `name ${i}` })
    await clock.pass(intervalMs)
  }
  assert.equal(heartbeats().length, 1)
  assert.equal(reports().length, 1)
})

test('what changed while a report was under way goes with the next', async () => {
  const answer = held()
  let first = true
  const script = only('PATCH', () => {
    const own = first ? answer.script() : answered(200)
    first = false
    return own
  })
  const { loop, clock, reports } = testLoop({ script })
  loop.offer({ hostname: 'a', kernel: 'k' })
  loop.start()
  await settled()
  loop.offer({ hostname: 'b' })
  await clock.pass(20_000)
  answer.give(answered(200))
  await clock.pass(0)
  await clock.pass(0)
  assert.deepEqual(reports(), [
    { at: 0, hostname: 'a', kernel: 'k' },
    { at: 20_000, hostname: 'b' },
  ])
})

test('a report that was lost or refused is sent again, whole, metrics included', async () => {
  for (const trouble of [unreachable(), refused('store-unavailable'), refused('invalid-report')]) {
    const script = only('PATCH', inTurn(trouble, answered(200)))
    const { loop, clock, reports } = testLoop({ script })
    loop.offer({ hostname: 'a', cpu_usage: 50 })
    loop.start()
    await clock.pass(10_000)
    assert.deepEqual(reports(), [
      { at: 0, hostname: 'a', cpu_usage: 50 },
      { at: 10_000, hostname: 'a', cpu_usage: 50 },
    ])
  }
})

test('what is no longer true is not sent again', async () => {
  const script = only('PATCH', inTurn(unreachable(), answered(200)))
  const { loop, clock, reports } = testLoop({ script })
  loop.offer({ hostname: 'a', kernel: 'k' })
  loop.start()
  await clock.pass(1)
  loop.offer({ hostname: 'b' })
  await clock.pass(10_000)
  assert.deepEqual(reports().at(-1), { at: 10_000, hostname: 'b', kernel: 'k' })
})

test('what was acknowledged before a restart in the same boot is not reported again', async () => {
  const acknowledged = { hostname: 'a', kernel: 'k' }
  const { loop, clock, reports } = testLoop({ options: { acknowledged, wanted: acknowledged } })
  loop.start()
  await clock.pass(3_600_000)
  assert.deepEqual(reports(), [])
})

test('an idle agent holds one timer, whatever it is told', async () => {
  const { loop, clock } = testLoop()
  loop.start()
  for (let i = 0; i < 100; i++) loop.offer({ hostname: `${i}` })
  await clock.pass(1)
  assert.equal(clock.timerCount, 1)
  await loop.stop()
  assert.equal(clock.timerCount, 0)
})

test('the same chance gives the same life', async () => {
  const life = async () => {
    let seed = 7
    const random = () => {
      seed = (seed * 16_807) % 2_147_483_647
      return seed / 2_147_483_647
    }
    const script: Script = (call) => (random() < 0.3 ? unreachable() : wellServed()(call))
    const { loop, clock, transport } = testLoop({ script, random })
    loop.start()
    await clock.pass(3_600_000)
    return transport.seen
  }
  assert.deepEqual(await life(), await life())
})

test('a stop says goodbye with its cause, once, and nothing after it', async () => {
  const { loop, clock, goodbyes, transport } = testLoop()
  loop.start()
  await clock.pass(1_000)
  const outcome = await loop.stop({ goodbye: { cause: 'reboot', expectedBackMs: 90_000 } })
  assert.deepEqual(outcome, { kind: 'ok' })
  assert.deepEqual(goodbyes(), [{ at: 1_000, cause: 'reboot', expectedBackMs: 90_000 }])
  const sentCount = transport.seen.length
  loop.offer({ hostname: 'late' })
  await clock.pass(10 * intervalMs)
  await loop.stop({ goodbye: { cause: 'agent-stop' } })
  assert.equal(transport.seen.length, sentCount)
})

test('a stop without goodbye is silent, and so is one before registration', async () => {
  for (const options of [{}, { registration }]) {
    const script = only('/register', () => unreachable())
    const { loop, clock, goodbyes } = testLoop({ script, options })
    loop.start()
    await clock.pass(0)
    await loop.stop(options.registration ? { goodbye: { cause: 'agent-stop' } } : {})
    assert.deepEqual(goodbyes(), [])
  }
})

test('the goodbye waits for a heartbeat in flight, so that none can arrive after it', async () => {
  const answer = held()
  const { loop, clock, goodbyes } = testLoop({ script: only('GET', answer.script) })
  loop.start()
  await settled()
  const stopped = loop.stop({ goodbye: { cause: 'agent-stop' } })
  await clock.pass(500)
  assert.equal(goodbyes().length, 0)
  answer.give(targetState())
  await stopped
  assert.deepEqual(times(goodbyes()), [500])
})

test('a heartbeat that hangs is given up, and the whole stop fits in three seconds', async () => {
  const hanging = held()
  const { loop, clock, transport, goodbyes } = testLoop({ script: only('GET', hanging.script) })
  let abortedCount = 0
  transport.abort = () => void abortedCount++
  loop.start()
  await settled()
  const stopped = loop.stop({ goodbye: { cause: 'agent-stop' } })
  await clock.pass(stopWithinMs)
  await stopped
  assert.equal(abortedCount, 1)
  const sent = transport.seen.at(-1)!
  assert.equal(goodbyes().length, 1)
  assert.ok(sent.at + sent.timeoutMs <= stopWithinMs)
})

test('a goodbye that was announced is followed by silence until the stop', async () => {
  const { loop, clock, heartbeats, goodbyes } = testLoop()
  loop.start()
  await clock.pass(1_000)
  await loop.leave({ cause: 'shutdown', by: 'ann' })
  loop.offer({ hostname: 'b' })
  await clock.pass(4 * intervalMs)
  await loop.stop({ goodbye: { cause: 'agent-stop' } })
  assert.equal(heartbeats().length, 1)
  assert.deepEqual(goodbyes(), [{ at: 1_000, cause: 'shutdown', by: 'ann' }])
})

test('an announced goodbye that was not taken is said again at the stop, with its own cause', async () => {
  const script = only('/goodbye', inTurn(unreachable(), answered(204)))
  const { loop, clock, goodbyes } = testLoop({ script })
  loop.start()
  await clock.pass(1_000)
  assert.equal((await loop.leave({ cause: 'shutdown' })).kind, 'unreachable')
  await loop.stop({ goodbye: { cause: 'agent-stop' } })
  assert.deepEqual(
    goodbyes().map(({ cause }) => cause),
    ['shutdown', 'shutdown'],
  )
})

test('a shutdown that did not come ends the silence', async () => {
  const { loop, clock, heartbeats, goodbyes } = testLoop()
  loop.start()
  await clock.pass(1_000)
  await loop.leave({ cause: 'reboot', expectedBackMs: 90_000 })
  await clock.pass(300_000)
  assert.deepEqual(times(heartbeats()), [0, 301_000])
  await loop.stop({ goodbye: { cause: 'agent-stop' } })
  assert.equal(goodbyes().at(-1)?.cause, 'agent-stop')
})

test('a transport that throws is a failure like any other', async () => {
  const { loop, clock, transport, heartbeats } = testLoop()
  transport.request = () => {
    throw unreachable('EBROKEN')
  }
  loop.start()
  await clock.pass(10_000)
  assert.equal(heartbeats().length, 0)
  assert.equal(loop.state.errands.heartbeat.last?.kind, 'unreachable')
  assert.ok(loop.state.errands.heartbeat.failureCount > 1)
})
