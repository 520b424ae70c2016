import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createApiClient } from '@muster/core/api-client.ts'
import { Refusal } from '@muster/core/errors.ts'
import { type Json, openServer } from './fixtures.ts'

const plain = ['argument', 'argument', 'argument', 'argument']
/** What to call a method with that takes more than texts: once for each operation that it stands for. */
const given: Readonly<Record<string, readonly (readonly unknown[])[]>> = {
  'fleets.switch': ['freeze', 'thaw'].map((to) => ['argument', to]),
  'devices.switch': ['activate', 'deactivate', 'freeze', 'thaw'].map((to) => ['argument', to]),
  stream: [[{}]],
  'organization.edit': [[{}]],
  'devices.page': [[{}]],
  ...Object.fromEntries(
    [
      'fleets.edit',
      'devices.edit',
      'deviceViews.edit',
      'terminalPolicy.put',
      'deviceUrl.enable',
    ].map((name) => [name, [['argument', {}]]]),
  ),
  'history.export': [[{ fleet: 'argument' }], [{ device: 'argument' }]],
}
/** What makes no request of its own. */
const local = ['serverNow', 'serverVersion']
/** Operations that a browser makes by following a link, or that turn into a stream: no client calls those. */
const browsed = ['GET /login/oidc', 'GET /login/oidc/callback', 'GET /devices/{}/streams']

type Call = (...args: unknown[]) => unknown

function methodsOf(calls: object, prefix = ''): [string, Call][] {
  return Object.entries(calls).flatMap(([name, call]): [string, Call][] => {
    if (typeof call === 'function') return [[prefix + name, call]]
    return typeof call === 'object' && call !== null ? methodsOf(call, `${prefix}${name}.`) : []
  })
}

/** All that a method asks for, each as `GET /fleets/{}`. */
async function askedBy(name: string): Promise<string[]> {
  const asked: string[] = []
  const client = createApiClient({
    server: 'http://test',
    token: 'none',
    clock: { now: () => 0, after: () => () => undefined },
    async fetch(url, { method }) {
      const path = new URL(url).pathname.replace('/api/v1', '')
      asked.push(`${method} ${path.replace(/\/argument/g, '/{}')}`)
      // Unlike a lost connection, this is not tried again.
      throw new Refusal('forbidden', 'this is as far as it goes')
    },
  })
  const call = new Map(methodsOf(client)).get(name)!
  for (const one of given[name] ?? [plain]) await askOnce(call, one)
  return [...new Set(asked)]
}

async function askOnce(call: Call, args: readonly unknown[]): Promise<void> {
  try {
    const answer = (await call(...args)) as Partial<AsyncIterator<unknown>> | undefined
    // Pages and streams ask when they are read; a stream says that it was interrupted and waits.
    await answer?.next?.()
  } catch {}
}

test('every operation has its method in the client, and every method its operation', async () => {
  await using server = await openServer()
  const { paths } = server.app.fastify.swagger() as Json
  const documented = Object.entries<object>(paths)
    .filter(([path]) => path.startsWith('/api/v1/'))
    .flatMap(([path, operations]) =>
      Object.keys(operations).map((verb) => {
        const form = path.replace('/api/v1', '').replace(/\{\w+\}/g, '{}')
        return `${verb.toUpperCase()} ${form}`
      }),
    )
  const names = methodsOf(
    createApiClient({
      server: 'http://test',
      fetch: () => Promise.reject(new Error('not asked')),
      clock: { now: () => 0, after: () => () => undefined },
    }),
  ).map(([name]) => name)
  const called = new Map<string, string>()
  for (const name of names.filter((one) => !local.includes(one))) {
    const asked = await askedBy(name)
    assert.ok(
      asked.length > 0,
      `the client’s ${name} asks for nothing: give it arguments here, or name it in local`,
    )
    for (const one of asked) called.set(one, name)
  }
  const astray = [...called].filter(([operation]) => !documented.includes(operation))
  assert.deepEqual(astray, [], 'the client asks for what is not in the document')
  const uncalled = documented.filter((one) => !called.has(one) && !browsed.includes(one))
  assert.deepEqual(uncalled, [], 'give each a method in packages/core/src/api-client.ts or client/')
})
