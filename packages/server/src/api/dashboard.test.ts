import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { gunzipSync } from 'node:zlib'
import Fastify from 'fastify'
import { registerDashboard } from './dashboard-routes.ts'

function openFolder() {
  const path = mkdtempSync(join(tmpdir(), 'muster-dashboard-'))
  const close = () => rmSync(path, { recursive: true, force: true })
  return { path, url: pathToFileURL(`${path}/`), [Symbol.dispose]: close }
}

test('the page is asked for each time, its files are kept for good, and nothing inline may run', async () => {
  using folder = openFolder()
  mkdirSync(join(folder.path, 'assets'))
  writeFileSync(join(folder.path, 'index.html'), '<!doctype html>')
  writeFileSync(join(folder.path, 'assets/a-1f.js'), 'go()')
  await using app = Fastify()
  registerDashboard(app, folder.url)
  for (const url of ['/', '/fleets']) {
    const page = await app.inject({ url })
    assert.equal(page.body, '<!doctype html>')
    assert.equal(page.headers['cache-control'], 'no-cache')
    assert.match(
      String(page.headers['content-security-policy']),
      /script-src 'self'; style-src 'self';/,
    )
  }
  const file = await app.inject({
    url: '/assets/a-1f.js',
    headers: { 'accept-encoding': 'gzip, br' },
  })
  assert.equal(gunzipSync(file.rawPayload).toString(), 'go()')
  assert.match(String(file.headers['cache-control']), /immutable/)
  assert.equal((await app.inject({ url: '/assets/b.js' })).statusCode, 404)
})

test('a server without a built dashboard says so, and what to do', async () => {
  using folder = openFolder()
  await using app = Fastify()
  registerDashboard(app, folder.url)
  assert.match((await app.inject({ url: '/' })).body, /not built: npm run build/)
})
