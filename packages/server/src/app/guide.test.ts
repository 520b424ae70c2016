import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { adminToken, openServer } from './fixtures.ts'

const run = promisify(execFile)
const root = resolve(import.meta.dirname, '../../../..')

/** The examples of a page in one language, in their order. */
function examplesOf(page: string, language: string): string[] {
  return Array.from(page.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm), ([, of, code]) => [of, code!])
    .filter(([of]) => of === language)
    .map(([, code]) => code!)
}

test('the examples of the guide to the API run as they stand', async () => {
  await using server = await openServer()
  await server.app.fastify.listen({ port: 0, host: '127.0.0.1' })
  const { port } = server.app.fastify.server.address() as AddressInfo
  const env = {
    PATH: process.env.PATH,
    MUSTER_SERVER: `http://127.0.0.1:${port}`,
    MUSTER_TOKEN: adminToken,
  }
  const page = readFileSync(resolve(root, 'docs/guides/api.md'), 'utf8')
  const shell = examplesOf(page, 'sh').join('\n')
  const said = await run('bash', ['-euo', 'pipefail', '-c', shell], { cwd: root, env })
  assert.match(said.stdout, /"name":"Shop doors and gates"/)
  assert.equal(said.stdout.match(/"slug":"shop-doors","name":"Shop doors",/g)?.length, 2)
  const program = ['--input-type=module-typescript', '-e', examplesOf(page, 'ts').join('\n')]
  const { stdout } = await run(process.execPath, program, { cwd: root, env })
  assert.equal(stdout, 'admin@example.org\ndevice-not-found\n')
})
