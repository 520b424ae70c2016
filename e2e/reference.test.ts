// The reference of the API at /docs, in a real browser: whole in light and dark, wide and narrow, without
// barriers, and searched by keyboard alone.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { openServer } from '../packages/server/src/app/fixtures.ts'
import { openBrowser, skip } from './browser.ts'

/** Where to keep pictures for people to look at; unset: nowhere. */
const pictures = process.env.MUSTER_TEST_PICTURES

async function serveReference() {
  const server = await openServer()
  const address = await server.app.fastify.listen({ port: 0, host: '127.0.0.1' })
  return { url: `${address}/docs`, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}

for (const scheme of ['light', 'dark'] as const)
  for (const width of [1_280, 400])
    test(`the reference fits and has no barriers: ${scheme}, ${width} px wide`, {
      skip,
    }, async () => {
      await using server = await serveReference()
      await using browser = await openBrowser()
      await using opened = await browser.open(server.url, { scheme, width })
      const { page } = opened
      if (pictures) await page.screenshot({ path: join(pictures, `docs-${scheme}-${width}.png`) })
      const overflow = await page.evaluate<number>(
        'document.documentElement.scrollWidth - document.documentElement.clientWidth',
      )
      assert.equal(overflow, 0, 'nothing but tables and examples is scrolled sideways')
      assert.deepEqual(await opened.findBarriers(), [])
      await page.goto(`${server.url}#postApiV1Fleets`)
      if (pictures)
        await page.screenshot({ path: join(pictures, `docs-op-${scheme}-${width}.png`) })
    })

test('the reference is searched by keyboard: "/" goes there, words narrow, Escape shows all', {
  skip,
}, async () => {
  await using server = await serveReference()
  await using browser = await openBrowser()
  await using opened = await browser.open(server.url)
  const { page } = opened
  const shown = () => page.locator('main .operation:visible').count()
  const all = await shown()
  await page.keyboard.press('/')
  await page.keyboard.type('revoke provisioning key fleet')
  assert.match(await page.locator('#found').innerText(), /^\d+ found$/)
  assert.ok((await shown()) < all / 4)
  await page.keyboard.press('Tab')
  await page.keyboard.press('Enter')
  const target = new URL(page.url()).hash
  assert.match(target, /^#\w+$/)
  assert.ok(await page.locator(target).isVisible())
  await page.locator('#search').focus()
  await page.keyboard.press('Escape')
  assert.equal(await shown(), all)
  assert.deepEqual(await opened.findBarriers(), [])
})

test('the first stop of the Tab key leads past the menu', { skip }, async () => {
  await using server = await serveReference()
  await using browser = await openBrowser()
  await using opened = await browser.open(server.url)
  await opened.page.keyboard.press('Tab')
  await opened.page.keyboard.press('Enter')
  assert.match(opened.page.url(), /#main$/)
})
