// The dashboard in a real browser, with a real server and a real agent: signing in, the fleets as they
// are and as they change, in light and dark, without barriers.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { createApiClient } from '@muster/core/api-client.ts'
import type { Page } from 'playwright-core'
import { wallClock } from '../packages/cli/src/clock.ts'
import { totpCode } from '../packages/server/src/auth/totp.ts'
import { openBrowser, skip } from './browser.ts'
import { administrator, openStage } from './fixtures.ts'

/** Where to keep pictures for people to look at; unset: nowhere. */
const pictures = process.env.MUSTER_TEST_PICTURES
/** Who has no session is told so, which a browser notes in its console. */
const refused = /status of 401/
const firstPageBytes = 250_000

async function picture(page: Page, name: string) {
  if (pictures) await page.screenshot({ path: join(pictures, `${name}.png`) })
}

async function signIn(page: Page) {
  await page.getByLabel('E-mail').fill(administrator.MUSTER_ADMIN_EMAIL)
  await page.getByLabel('Password').fill(administrator.MUSTER_ADMIN_PASSWORD)
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Fleets', level: 1 }).waitFor()
}

test('the fleets are shown to who signs in, and change as devices do', { skip }, async () => {
  await using stage = await openStage()
  await using browser = await openBrowser()
  for (const scheme of ['light', 'dark'] as const) {
    await using opened = await browser.open(`${stage.server.url}/docs`, {
      scheme,
      expects: refused,
    })
    const { page } = opened
    let scriptBytes = 0
    page.on('response', async (answer) => {
      if (answer.url().endsWith('.js')) scriptBytes += gzipSync(await answer.body()).length
    })
    await page.goto(`${stage.server.url}/fleets`)
    await page.getByLabel('E-mail').waitFor()
    await picture(page, `sign-in-${scheme}`)
    assert.deepEqual(await opened.findBarriers(), [])
    await signIn(page)
    await page.locator('[data-live=live]').waitFor()
    const row = page.locator('[data-fleet=yard]')
    const agent = await stage.runAgent(`gate-${scheme}`)
    await row.locator('.counts [data-status=operational]').waitFor()
    await agent.process.stop('SIGKILL')
    await stage.untilStatus(agent.uuid, 'disconnected')
    await row.locator('.counts [data-status=disconnected]').waitFor({ timeout: 2_000 })
    await page.getByRole('button', { name: 'New fleet' }).click()
    await page.getByPlaceholder('Name', { exact: true }).fill(`Orchard ${scheme}`)
    await page.keyboard.press('Enter')
    await page.locator(`[data-fleet=orchard-${scheme}]`).waitFor()
    await picture(page, `fleets-${scheme}`)
    assert.deepEqual(await opened.findBarriers(), [])
    await page.keyboard.press('Escape')
    await page.locator('h1').click()
    await page.keyboard.press('/')
    await page.keyboard.type('yar')
    await page.waitForURL(/q=yar/)
    assert.equal(await page.locator('[data-fleet]').count(), 1)
    assert.ok(scriptBytes > 0 && scriptBytes < firstPageBytes, `${scriptBytes} bytes of JavaScript`)
  }
})

test('who asks without a session is asked to sign in, and a wrong password is told', {
  skip,
}, async () => {
  await using stage = await openStage()
  await using browser = await openBrowser()
  await using opened = await browser.open(`${stage.server.url}/docs`, { expects: refused })
  await opened.page.goto(stage.server.url)
  await opened.page.getByLabel('E-mail').fill('eve@example.org')
  await opened.page.getByLabel('Password').fill('a guess or two')
  await opened.page.getByRole('button', { name: 'Sign in' }).click()
  await opened.page.getByRole('alert').waitFor()
  assert.deepEqual(await opened.findBarriers(), [])
})

test('a page that has lost its server says how old it is, and is live again by itself', {
  skip,
}, async () => {
  await using stage = await openStage()
  await using browser = await openBrowser()
  const expects = /status of (?:401|503)|net::ERR_/
  await using opened = await browser.open(`${stage.server.url}/docs`, { expects })
  const { page } = opened
  await page.goto(stage.server.url)
  await signIn(page)
  await page.locator('[data-live=live]').waitFor()
  await stage.server.kill()
  await page.getByText(/data is \d+ s old/).waitFor()
  await page.locator('[data-fleet=yard]').waitFor()
  assert.deepEqual(await opened.findBarriers(), [])
  await stage.server.start()
  await page.locator('[data-live=live]').waitFor()
})

test('who has a second factor is asked for its code once the password is right', {
  skip,
}, async () => {
  await using stage = await openStage()
  const email = administrator.MUSTER_ADMIN_EMAIL
  const password = administrator.MUSTER_ADMIN_PASSWORD
  const { token } = await stage.api.signIn({ email, password })
  const server = stage.server.url
  const { totp } = createApiClient({ server, token, fetch, clock: wallClock() })
  const { secret } = await totp.begin(password)
  const { recoveryCodes } = await totp.confirm(totpCode(secret, Date.now()))
  await using browser = await openBrowser()
  await using opened = await browser.open(`${server}/docs`, { expects: refused })
  const { page } = opened
  await page.goto(server)
  await page.getByLabel('E-mail').fill(email)
  await page.getByLabel('Password').fill(password)
  await page.keyboard.press('Enter')
  await page.getByLabel('Code').fill(recoveryCodes[0]!)
  assert.deepEqual(await opened.findBarriers(), [])
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Fleets', level: 1 }).waitFor()
})
