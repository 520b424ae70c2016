import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  allows,
  describeMissing,
  type Grants,
  narrowed,
  noGrants,
  type Role,
  rightNames,
  rights,
  roles,
  visibleFleets,
} from './rights.ts'

const held = (role: Role | null, ...fleetRoles: [number, Role][]): Grants => ({
  role,
  fleetRoles: new Map(fleetRoles),
  serverAdministrator: false,
})

describe('rights', () => {
  it('grow with the role: whoever is higher has all that is had below', () => {
    for (const right of rightNames) {
      const having = roles.map((role) => allows(held(role), right))
      assert.deepEqual(having, having.toSorted(), right)
      if (rights[right].scope !== 'server') assert.equal(having.at(-1), true, right)
    }
  })

  it('of single fleets take the place of those in the organization, higher and lower', () => {
    const grants = held('operator', [7, 'administrator'], [8, 'observer'])
    assert.equal(allows(grants, 'fleets-freeze', 7), true)
    assert.equal(allows(grants, 'fleets-freeze', 9), false)
    assert.equal(allows(grants, 'actions-run', 8), false)
    assert.equal(allows(grants, 'actions-run', 9), true)
    assert.equal(allows(grants, 'fleets-freeze'), true, 'somewhere')
  })

  it('on single fleets open nothing of the organization as a whole', () => {
    const grants = held(null, [7, 'administrator'])
    assert.equal(allows(grants, 'members-write'), false)
    assert.equal(allows(grants, 'devices-read', 7), true)
    assert.equal(allows(grants, 'devices-read', 8), false)
    assert.deepEqual(visibleFleets(grants), [7])
    assert.equal(visibleFleets(held('observer', [7, 'operator'])), null)
  })

  it('of the server come with no role, and what is one’s own with none at all', () => {
    assert.equal(allows(held('administrator'), 'plan-write'), false)
    assert.equal(allows({ ...noGrants, serverAdministrator: true }, 'plan-write'), true)
    assert.equal(allows(noGrants, 'sessions-own'), true)
    assert.equal(allows(noGrants, 'devices-read'), false)
  })

  it('are never more for a narrower token', () => {
    const all = { ...held('administrator', [7, 'operator']), serverAdministrator: true }
    const ofFleets = narrowed(all, [7, 9])
    for (const right of rightNames)
      for (const fleetId of [undefined, 7, 8, 9])
        assert.ok(!allows(ofFleets, right, fleetId) || allows(all, right, fleetId), right)
    assert.equal(allows(ofFleets, 'plan-write'), false)
    assert.equal(allows(ofFleets, 'fleets-freeze', 9), true)
    assert.equal(allows(ofFleets, 'fleets-freeze', 7), false)
    assert.deepEqual(visibleFleets(ofFleets), [7, 9])
  })

  it('that are missing are named with those who have them', () => {
    assert.match(describeMissing('devices-write'), /devices-write .*operators, developers and/)
    assert.match(describeMissing('plan-write'), /administrators of the server have it/)
  })
})
