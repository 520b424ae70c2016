import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createVirtualClock } from '@muster/core/virtual-clock.ts'
import { noon, settle } from '../fixtures.ts'
import type { AuditDraft } from './ports.ts'
import { createRefusals, ownEntryCount, windowMs } from './refusals.ts'

const refused = (more: Partial<AuditDraft> = {}): AuditDraft => ({
  organizationId: 1,
  at: noon,
  userId: 1,
  user: 'eve@example.org',
  role: 'observer',
  credential: 'token 1',
  operation: 'fleets.create',
  target: 'fleet kiosks',
  fleet: null,
  address: '10.0.0.1',
  client: null,
  outcome: 'refused',
  code: 'forbidden',
  detail: {},
  ...more,
})

function openRefusals() {
  const clock = createVirtualClock(noon, settle)
  const counted: AuditDraft[] = []
  const write = async (drafts: AuditDraft[]) => void counted.push(...drafts)
  return { clock, counted, refusals: createRefusals({ clock, write }) }
}

const admitMany = (
  { refusals }: ReturnType<typeof openRefusals>,
  count: number,
  draft = refused(),
) => Array.from({ length: count }, () => refusals.admit([draft]).length).reduce((a, b) => a + b)

test('the first of a minute are entries, and all others of that minute are one that counts them', async () => {
  const house = openRefusals()
  assert.equal(admitMany(house, 1_000), ownEntryCount)
  await house.clock.run(windowMs - 1)
  assert.equal(house.counted.length, 0)
  await house.clock.run(1)
  const [counted] = house.counted
  assert.deepEqual(counted!.detail, { repeatedCount: 1_000 - ownEntryCount, since: noon })
  assert.equal(house.counted.length, 1)
  assert.equal(admitMany(house, 1), 1, 'the next minute begins anew')
})

test('as many as are entries anyway leave no count behind', async () => {
  const house = openRefusals()
  assert.equal(admitMany(house, ownEntryCount), ownEntryCount)
  await house.refusals.flush()
  assert.equal(house.counted.length, 0)
})

test('another person, address, operation or reason is another refusal; a guesser of names is one', async () => {
  const house = openRefusals()
  admitMany(house, 50)
  for (const more of [{ user: 'b@x' }, { address: 'b' }, { operation: 'b' }, { code: 'not-found' }])
    assert.equal(admitMany(house, 1, refused(more)), 1, JSON.stringify(more))
  const code = 'too-many-sign-ins'
  const guesses = Array.from({ length: 100 }, (_, i) => refused({ code, user: `${i}@x` }))
  const admitted = guesses.filter((one) => house.refusals.admit([one]).length > 0)
  assert.equal(admitted.length, ownEntryCount)
})

test('a stop writes what was only counted', async () => {
  const house = openRefusals()
  admitMany(house, 8)
  await house.refusals.flush()
  assert.equal(house.counted[0]!.detail.repeatedCount, 3)
})
