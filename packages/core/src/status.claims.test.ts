import assert from 'node:assert/strict'
import { test } from 'node:test'
import { evidenceOf, minuteMs, policyOf, secondMs, seen, t0 } from './fixtures.ts'
import { deriveStatus } from './status.ts'

const claim = { step: 'tls' as const, text: 'cloudlink failed at TLS: certificate issued by X' }
const apiClaim = { step: 'tcp' as const, text: 'API failed at TCP: no answer' }
const policy = policyOf({ heartbeatIntervalMs: minuteMs, cloudlinkGraceMs: 10 * secondMs })

const registered = [seen('registered'), seen('heartbeat', { at: t0 })]
const linkLost = [
  seen('link-opened', { at: t0 + secondMs, epoch: 1 }),
  seen('link-closed', { at: t0 + 20 * secondMs, epoch: 1 }),
]
const beating = (at: number) => seen('heartbeat', { at })

function reasonAt(now: number, observations: ReturnType<typeof seen>[]) {
  const { status, reasons } = deriveStatus(evidenceOf(observations), policy, now)
  const { code, evidence } = reasons[0]!
  return { status, code, says: evidence.deviceSays ?? null, step: evidence.failedStep ?? null }
}

test('what the device says of a lost link stands beside our reason, and is none by itself', () => {
  const said = seen('examined', { at: t0 + 40 * secondMs, cloudlink: claim })
  const all = [...registered, ...linkLost, beating(t0 + 40 * secondMs), said]
  assert.deepEqual(reasonAt(t0 + 41 * secondMs, all), {
    status: 'reduced-functionality',
    code: 'cloudlink-down',
    says: claim.text,
    step: 'tls',
  })
})

test('a device that calls its channels broken while we see them work is Operational', () => {
  const opened = seen('link-opened', { at: t0 + secondMs, epoch: 1 })
  const said = seen('examined', { at: t0 + 5 * secondMs, api: apiClaim, cloudlink: claim })
  assert.deepEqual(reasonAt(t0 + 6 * secondMs, [...registered, opened, said]), {
    status: 'operational',
    code: 'fully-connected',
    says: null,
    step: null,
  })
})

test('a link that was opened since the device looked refutes what it says', () => {
  const again = [
    seen('link-opened', { at: t0 + 30 * secondMs, epoch: 2 }),
    seen('link-closed', { at: t0 + 50 * secondMs, epoch: 2 }),
  ]
  const late = (agoMs: number) =>
    seen('examined', { at: t0 + 70 * secondMs, agoMs, cloudlink: claim })
  const all = [...registered, ...linkLost, ...again, beating(t0 + 70 * secondMs)]
  assert.equal(reasonAt(t0 + 71 * secondMs, [...all, late(45 * secondMs)]).says, null)
  assert.equal(reasonAt(t0 + 71 * secondMs, [...all, late(40 * secondMs)]).says, null)
  assert.equal(reasonAt(t0 + 71 * secondMs, [...all, late(39 * secondMs)]).says, claim.text)
})

test('what comes over the link tells why heartbeats are late and lost, until one is heard', () => {
  const opened = seen('link-opened', { at: t0 + secondMs, epoch: 1 })
  const said = seen('examined', { at: t0 + 60 * secondMs, api: apiClaim })
  const alive = seen('link-alive', { at: t0 + 4 * minuteMs, epoch: 1 })
  const all = [...registered, opened, alive, said]
  assert.deepEqual(reasonAt(t0 + 95 * secondMs, all), {
    status: 'reduced-functionality',
    code: 'heartbeat-late',
    says: apiClaim.text,
    step: 'tcp',
  })
  assert.equal(reasonAt(t0 + 3 * minuteMs, all).code, 'heartbeat-lost')
  assert.equal(reasonAt(t0 + 3 * minuteMs, all).says, apiClaim.text)
  const beaten = [...all, beating(t0 + 61 * secondMs)]
  assert.equal(reasonAt(t0 + 4 * minuteMs, beaten).says, null)
})

test('a later examination replaces an earlier one, whichever comes first', () => {
  const bad = seen('examined', { at: t0 + 40 * secondMs, cloudlink: claim })
  const good = seen('examined', { at: t0 + 45 * secondMs })
  const all = [...registered, ...linkLost, beating(t0 + 45 * secondMs)]
  for (const order of [
    [bad, good],
    [good, bad],
  ])
    assert.equal(reasonAt(t0 + 46 * secondMs, [...all, ...order]).says, null)
})
