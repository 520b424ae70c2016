import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openServer } from '../app/fixtures.ts'

test('the reference has every operation, each link leads somewhere, and nothing comes from elsewhere', async () => {
  await using server = await openServer()
  const { text, headers } = await server.ask('GET', '/docs', undefined, { as: '' })
  assert.match(String(headers['content-type']), /^text\/html/)
  assert.match(String(headers['content-security-policy']), /^default-src 'none'; style-src 'self'/)
  const document = JSON.parse((await server.ask('GET', '/openapi.json')).text)
  const ids = new Set(Array.from(text.matchAll(/ id="([^"]+)"/g), ([, id]) => id))
  for (const operations of Object.values<object>(document.paths))
    for (const { operationId } of Object.values(operations))
      assert.ok(ids.has(operationId), operationId)
  const links = Array.from(text.matchAll(/(?:href|src)="([^"]+)"/g), ([, link]) => link!)
  for (const link of links) {
    if (link.startsWith('#')) assert.ok(ids.has(link.slice(1)), link)
    else
      assert.equal((await server.ask('GET', `/${link}`, undefined, { as: '' })).status, 200, link)
  }
  assert.doesNotMatch(
    text,
    / style=|<style|<script>| on\w+=/,
    'nothing that its policy would refuse',
  )
})
