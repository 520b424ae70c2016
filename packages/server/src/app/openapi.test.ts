import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Validator } from '@seriousme/openapi-schema-validator'
import { openServer, uuidOf } from './fixtures.ts'

test('the document is valid OpenAPI 3.1', async () => {
  await using server = await openServer()
  const { body } = await server.ask('GET', '/openapi.json')
  const validator = new Validator()
  const { valid, errors } = await validator.validate(body)
  assert.equal(valid, true, JSON.stringify(errors, null, 2))
  assert.equal(validator.version, '3.1')
})

test('every operation says what it is for, in one line, and every answer has a description', async () => {
  await using server = await openServer()
  const operations = operationsOf((await server.ask('GET', '/openapi.json')).body)
  const said = operations.map(({ about }) => about.summary)
  assert.equal(new Set(said).size, said.length, 'no two operations say the same')
  const ids = operations.map(({ about }) => about.operationId)
  assert.equal(new Set(ids).size, ids.length, 'every operation has an operationId of its own')
  for (const { name, about } of operations) {
    assert.match(about.summary ?? '', /^\p{Lu}[^\n.]{5,90}$/u, name)
    assert.equal(about.tags?.length, 1, name)
    for (const parameter of about.parameters ?? [])
      assert.ok(parameter.description, `${name}: describe ${parameter.name}`)
    for (const [status, answer] of Object.entries(about.responses))
      assert.ok(answer.description.length > 1, `${name} ${status}`)
  }
})

// That all else that is asked in tests is answered as documented is checked by `openServer`.
test('every operation answers as documented to a stranger and to nonsense', async () => {
  await using server = await openServer()
  const operations = operationsOf((await server.ask('GET', '/openapi.json')).body)
  for (const { name, method, path, about } of operations) {
    const url = path.replace('{uuid}', uuidOf(9)).replace('{slug}', 'none').replace('{id}', '9')
    const stranger = await server.ask(method, url, undefined, { as: '' })
    // Of what a device or a person sends, the form is looked at first where it costs less.
    if (about.security?.length !== 0) assert.match(`${stranger.status}`, /^40[01]$/, name)
    if (method !== 'GET') await server.ask(method, url, { nonsense: true })
    if (about.parameters?.some((one) => one.in !== 'header'))
      assert.notEqual((await server.ask(method, `${url}?limit=none`)).status, 200, name)
  }
})

type About = {
  summary?: string
  tags?: string[]
  operationId?: string
  security?: object[]
  parameters?: { name: string; in: string; description?: string }[]
  responses: Record<string, { description: string }>
}

function operationsOf({ paths }: { paths: Record<string, Record<string, About>> }) {
  return Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([verb, about]) => {
      const method = verb.toUpperCase()
      return { name: `${method} ${path}`, method, path, about }
    }),
  )
}
