import assert from 'node:assert/strict'
import { test } from 'node:test'
import { adminToken, type Json, openServer, type TestServer } from './fixtures.ts'
import { type Example, story } from './story.ts'

test('every operation has an example', async () => {
  await using server = await openServer()
  const { paths } = server.app.fastify.swagger() as Json
  const all = Object.entries<object>(paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((verb) => `${verb.toUpperCase()} ${path}`),
  )
  const told = new Set(story.map(({ operation }) => operation))
  const untold = all.filter((name) => !told.has(name))
  assert.deepEqual(untold, [], 'give each an example in packages/server/src/app/story.ts')
  const gone = [...told].filter((name) => !all.includes(name))
  assert.deepEqual(gone, [], 'packages/server/src/app/story.ts tells of what there is no more')
})

// That each answer is as documented is checked by `openServer`.
test('the examples, sent one after another, are answered as each of them says', async () => {
  await using server = await openServer()
  const kept = new Map<string, string>()
  for (const example of story) {
    if (example.operation.endsWith('/stream')) continue
    const { status, body, text } = await send(server, example, kept)
    assert.equal(status, example.status, `${example.operation} answered ${status}: ${text}`)
    for (const [name, field] of Object.entries(example.keeps ?? {})) {
      const value = field.split('.').reduce((inner: Json, key) => inner?.[key], body)
      assert.notEqual(value, undefined, `${example.operation} says no ${field}`)
      kept.set(name, String(value))
    }
  }
})

function send(server: TestServer, example: Example, kept: ReadonlyMap<string, string>) {
  const { operation, as, path = {}, query = {}, headers = {}, body } = example
  const [method = '', template = ''] = operation.split(' ')
  const meant = (text: string) => text.replace(/^\$(\w+)$/, (_, name) => kept.get(name) ?? name)
  const inside = (value: Json): Json => {
    if (typeof value === 'string') return meant(value)
    if (Array.isArray(value)) return value.map(inside)
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, inside(one)]))
  }
  const url = template.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(meant(path[name]!)))
  const asked = new URLSearchParams(inside(query)).toString()
  const token = as === undefined ? adminToken : as && kept.get(as)!
  return server.ask(method, asked ? `${url}?${asked}` : url, inside(body), {
    as: token,
    headers: inside(headers),
  })
}
