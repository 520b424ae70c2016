import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Fetch } from '@muster/core/api-client.ts'
import { tellVersions } from './versions.ts'

const answering =
  (version: string | null): Fetch =>
  async () =>
    new Response('{}', { headers: version === null ? {} : { 'muster-version': version } })

const request = {
  method: 'GET',
  headers: {},
  redirect: 'manual' as const,
  signal: new AbortController().signal,
}

test('a server of another version is named once, and one that fits or says nothing never', async () => {
  const told: string[] = []
  for (const version of ['0.2.0', '0.1.9', null]) {
    const fetch = tellVersions(answering(version), '0.1.0', (text) => told.push(text))
    for (let times = 0; times < 3; times++) await fetch('http://localhost', request)
  }
  assert.deepEqual(told, [
    'The server has version 0.2.0, and this muster 0.1.0: this one may not understand all that it says.',
  ])
})
