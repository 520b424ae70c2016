import assert from 'node:assert/strict'
import { test } from 'node:test'
import { versionGap } from './versions.ts'

test('a server that is older, or newer by what may break, is told apart from one that fits', () => {
  const cases = [
    ['1.4.0', '1.4.9', null],
    ['1.4.0', '1.9.0', null],
    ['1.4.0', '1.3.9', 'server-older'],
    ['2.0.0', '1.9.0', 'server-older'],
    ['1.4.0', '2.0.0', 'server-newer'],
    ['0.1.5', '0.1.0', null],
    ['0.1.0', '0.2.0', 'server-newer'],
    ['0.2.0', '0.1.0', 'server-older'],
    ['0.2.0', 'of a branch', null],
  ] as const
  for (const [own, server, gap] of cases) assert.equal(versionGap(own, server), gap, server)
})
