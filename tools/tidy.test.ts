// The unit test of the repository itself. Each rule is first shown to find a fault that was planted for
// it and to leave its right twin alone; then it is asked about the house as it stands.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { errorCodes } from '../packages/core/src/errors.ts'
import { reasonCodes } from '../packages/core/src/reasons.ts'
import { dependencyReasons } from './dependencies-page.ts'
import { staleFiles } from './generated.ts'
import { houseOf, importsOf, openHouse } from './house.ts'
import * as rules from './tidy.ts'

const house = openHouse()
const idea = '// An idea.\n'
const code = (path: string, text: string) => ({ path, text: idea + text })
const server = 'packages/server/src'

/** A lock file of these packages. */
const lockOf = (packages: Record<string, object>) => ({
  path: 'package-lock.json',
  text: JSON.stringify({
    packages: Object.fromEntries(
      Object.entries(packages).map(([name, locked]) => [`node_modules/${name}`, locked]),
    ),
  }),
})

/** A manifest that depends on each of these. */
const manifestOf = (names: object) => ({
  path: 'package.json',
  text: JSON.stringify({ dependencies: names }),
})

type Planted = { fault: ReturnType<typeof code>[]; right: ReturnType<typeof code>[] }

const unusedErrors = rules.unusedCodes('packages/core/src/errors.ts', errorCodes)
const unusedReasons = rules.unusedCodes('packages/core/src/reasons.ts', reasonCodes)

const plan: [title: string, rule: rules.Rule, ...planted: Planted[]][] = [
  [
    'imports run one way, and SQL and NATS stay in their rooms',
    rules.importDirection,
    {
      fault: [code(`${server}/presence/a.ts`, `import { b } from '../store/b.ts'`)],
      right: [code(`${server}/presence/a.ts`, `import { b } from '@muster/core/b.ts'`)],
    },
    {
      fault: [code(`${server}/registry/a.ts`, `import type {\n  B,\n} from '../presence/b.ts'`)],
      right: [code(`${server}/api/a.ts`, `import type { B } from '../presence/b.ts'`)],
    },
    {
      fault: [code('packages/core/src/a.ts', `import { readFileSync } from 'node:fs'`)],
      right: [code('packages/core/src/a.ts', `import { Type } from 'typebox'`)],
    },
    {
      fault: [code(`${server}/api/a.ts`, `import { sql } from 'kysely'`)],
      right: [code(`${server}/store/a.ts`, `import { sql } from 'kysely'`)],
    },
    {
      fault: [code(`${server}/app.ts`, `await import('@nats-io/transport-node')`)],
      right: [code(`${server}/bus/a.ts`, `await import('@nats-io/transport-node')`)],
    },
    {
      fault: [code('packages/cli/src/a.ts', `export { b } from '@muster/server/b.ts'`)],
      right: [code('packages/cli/src/a.ts', `// import { b } from '@muster/server/b.ts'`)],
    },
    {
      fault: [code(`${server}/store/a.ts`, `import { type B } from '../presence/ports.ts'`)],
      right: [code(`${server}/store/a.ts`, `import type { B } from '../presence/ports.ts'`)],
    },
    {
      fault: [code(`${server}/attic/a.ts`, '')],
      right: [code(`${server}/presence/a.test.ts`, `import { b } from '../store/b.ts'`)],
    },
  ],
  [
    'imports go round in no circle',
    rules.importCycles,
    {
      fault: [code('sim/a.ts', `import './b.ts'`), code('sim/b.ts', `import { a } from './a.ts'`)],
      right: [
        code('sim/a.ts', `import './b.ts'`),
        code('sim/b.ts', `import type { A } from './a.ts'`),
      ],
    },
  ],
  [
    'no file is dead',
    rules.deadFiles,
    {
      fault: [code('sim/a.ts', '')],
      right: [code('sim/a.ts', ''), code('sim/a.test.ts', `import './a.ts'`)],
    },
    {
      fault: [code('sim/worker.ts', '')],
      right: [
        code('sim/worker.ts', ''),
        code('sim/main.ts', `new Worker(new URL('./worker.ts', import.meta.url))`),
        { path: 'package.json', text: '{ "scripts": { "sim": "node sim/main.ts" } }' },
      ],
    },
  ],
  [
    'packages declare what they import, at exact versions, and no more',
    rules.dependencies,
    {
      fault: [
        { path: 'packages/cli/package.json', text: '{}' },
        code('packages/cli/src/main.ts', `import { x } from 'left/pad.js'`),
      ],
      right: [
        { path: 'packages/cli/package.json', text: '{ "dependencies": { "left": "1.0.0" } }' },
        code('packages/cli/src/main.ts', `import { x } from 'left/pad.js'`),
      ],
    },
    {
      fault: [{ path: 'package.json', text: '{ "devDependencies": { "left": "^1.0.0" } }' }],
      right: [{ path: 'package.json', text: '{ "devDependencies": { "left": "1.0.0" } }' }],
    },
    {
      fault: [
        { path: 'packages/cli/package.json', text: '{ "dependencies": { "left": "1.0.0" } }' },
        code('packages/cli/src/main.ts', ''),
      ],
      right: [
        {
          path: 'packages/cli/package.json',
          text: '{ "dependencies": { "@muster/core": "0.1.0" } }',
        },
      ],
    },
  ],
  [
    'links in documents lead somewhere',
    rules.deadLinks,
    {
      fault: [{ path: 'docs/a.md', text: '[b](b.md)' }],
      right: [
        {
          path: 'docs/a.md',
          text: '# An Idea, twice\n[b](../b.md) [c](https://example.org) [d](#an-idea-twice)',
        },
        { path: 'b.md', text: '' },
      ],
    },
    {
      fault: [{ path: 'docs/a.md', text: '# Here\n[b](#there)' }],
      right: [{ path: 'docs/a.md', text: '```\n[b](b.md)\n```' }],
    },
  ],
  [
    'our words are our words, and time comes from a clock',
    rules.bannedText,
    {
      fault: [code(`${server}/api/a.ts`, 'const tenantId = 1')],
      right: [code(`${server}/api/a.ts`, 'const organizationId = 1')],
    },
    {
      fault: [code('sim/a.ts', 'setTimeout(run, 5)')],
      right: [
        code('sim/clock.ts', 'setTimeout(run, 5)'),
        code('sim/b.ts', `socket.setTimeout(5); log('setTimeout(')`),
      ],
    },
    {
      fault: [code('packages/agent/src/a.ts', 'const at = Date.now()')],
      right: [code('packages/agent/src/system-clock.ts', 'const at = Date.now()')],
    },
    {
      fault: [code('sim/a.test.ts', `import { setTimeout } from 'node:timers/promises'`)],
      right: [code('e2e/a.test.ts', `import { setTimeout } from 'node:timers/promises'`)],
    },
    {
      fault: [code('sim/a.ts', 'export function getDevice() {}')],
      right: [code('sim/a.ts', 'export function loadDevice() {}')],
    },
    {
      fault: [code('sim/a.test.ts', 'it.only(title, run)')],
      right: [code('sim/a.test.ts', 'it(title, run)')],
    },
    { fault: [code('sim/a.ts', '// TODO later')], right: [code('sim/a.ts', '// done')] },
    {
      fault: [{ path: 'docs/a.md', text: 'see /tmp/x' }],
      right: [{ path: 'docs/a.md', text: 'see example.org/tmp/x' }],
    },
  ],
  [
    'files have names that say something',
    rules.emptyNames,
    { fault: [code('sim/utils.ts', '')], right: [code('sim/time-utils-free.ts', '')] },
  ],
  [
    'a file opens with its idea',
    rules.headComments,
    {
      fault: [{ path: 'sim/a.ts', text: 'export const a = 1' }],
      right: [{ path: 'sim/a.ts', text: '#!/usr/bin/env node\n// An idea.' }],
    },
  ],
  [
    'modules hold no state',
    rules.moduleState,
    {
      fault: [code('sim/a.ts', 'let count = 0')],
      right: [
        code('sim/a.ts', 'const text = `\nlet count = 0\n`\nfunction f() {\n  let count = 0\n}'),
      ],
    },
  ],
  [
    'the lock file holds no download addresses, and every platform',
    rules.lockFile,
    {
      fault: [lockOf({ a: { resolved: 'https://example.org/a.tgz' } })],
      right: [lockOf({ a: { resolved: 'packages/a' } })],
    },
    {
      fault: [lockOf({ a: { optionalDependencies: { 'a-arm64': '1.0.0' } } })],
      right: [lockOf({ a: { optionalDependencies: { 'a-arm64': '1.0.0' } }, 'a-arm64': {} })],
    },
  ],
  [
    'all that is installed has a licence that goes with ours',
    rules.licences,
    {
      fault: [lockOf({ a: { license: 'GPL-3.0' } })],
      right: [lockOf({ a: { license: '(GPL-3.0 OR MIT)' } })],
    },
    {
      fault: [lockOf({ a: { license: 'MPL-2.0' } })],
      right: [lockOf({ a: { license: 'MPL-2.0', dev: true } })],
    },
    { fault: [lockOf({ a: {} })], right: [lockOf({ a: { license: 'MIT AND ISC' } })] },
  ],
  [
    'every dependency has a line that says why it is there',
    rules.dependencyReasons,
    {
      fault: [{ path: 'package.json', text: '{ "dependencies": { "left": "1.0.0" } }' }],
      right: [manifestOf(dependencyReasons)],
    },
  ],
  [
    'tests are named after what they test',
    rules.testNames,
    { fault: [code('sim/a-2.test.ts', '')], right: [code('sim/base64-text.test.ts', '')] },
  ],
  [
    'every error code is given by somebody',
    unusedErrors,
    {
      fault: [code(`${server}/api/a.ts`, `new Refusal('forbidden')`)],
      right: [code(`${server}/api/a.ts`, errorCodes.map((one) => `'${one}'`).join())],
    },
  ],
  [
    'every reason is given by somebody',
    unusedReasons,
    {
      fault: [code(`${server}/api/a.ts`, '')],
      right: [code(`${server}/api/a.ts`, reasonCodes.map((one) => `'${one}'`).join())],
    },
  ],
]

describe('the house', () => {
  for (const [title, rule, ...planted] of plan)
    it(title, () => {
      for (const { fault, right } of planted) {
        assert.notDeepEqual(rule(houseOf(fault)), [], `it misses: ${fault[0]!.text}`)
        assert.deepEqual(rule(houseOf(right)), [], `it cries wolf: ${right[0]!.text}`)
      }
      isTidy(rule(house))
    })

  it('only appends migrations', () => {
    const first = { path: `${server}/store/migrations/0001-first.ts`, text: 'create' }
    const second = { path: `${server}/store/migrations/0002-second.ts`, text: 'alter' }
    const recordOf = (...files: (typeof first)[]) => ({
      path: rules.migrationsRecord,
      text: JSON.stringify(Object.fromEntries(rules.migrationHashes(houseOf(files)))),
    })
    const findingCount = (...files: (typeof first)[]) =>
      rules.migrationsAppend(houseOf(files)).length
    assert.equal(findingCount(recordOf(first), first), 0)
    assert.equal(findingCount(recordOf(first), first, second), 1, 'a new one is not recorded')
    assert.equal(findingCount(recordOf(first), { ...first, text: 'changed' }), 1, 'one was changed')
    assert.equal(findingCount(recordOf(first, second), second), 2, 'one was removed')
    const before = { ...second, path: `${server}/store/migrations/0000-before.ts` }
    assert.ok(findingCount(recordOf(first), before, first) > 0, 'one was put before')
    isTidy(rules.migrationsAppend(house))
  })
})

describe('generated files', () => {
  it('are as they would be generated now', async () => {
    const stale = await staleFiles(house)
    assert.deepEqual([...stale.keys()], [], 'npm run generate')
  })
})

describe('imports', () => {
  it('are read from statements, calls and workers, and not from comments or strings', () => {
    const text = `
      import a, { type B } from './a.ts'
      import type { C } from '@muster/core/c.ts'
      export * from 'd/e'
      import './f.ts'
      const g = await import('../g.ts')
      const h = new URL('./h.ts', import.meta.url)
      // import './no.ts'
      const url = 'https://example.org' /* import './no.ts' */
      const quote = /['"]/
      const i = \`import './no.ts'\`
      export const from = 'x'
    `
    assert.deepEqual(
      importsOf({ path: 'sim/x/y.ts', text }).map(({ path, from, typeOnly }) => [
        path ?? from,
        typeOnly,
      ]),
      [
        ['sim/x/a.ts', false],
        ['packages/core/src/c.ts', true],
        ['d/e', false],
        ['sim/x/f.ts', false],
        ['sim/g.ts', false],
        ['sim/x/h.ts', false],
      ],
    )
  })
})

function isTidy(findings: rules.Finding[]) {
  const said = findings.map(
    ({ path, line, instead }) => `${path}${line ? `:${line}` : ''} — ${instead}`,
  )
  assert.equal(said.length, 0, `\n${[...new Set(said)].join('\n')}`)
}
