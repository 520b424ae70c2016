// The Device Summary page in a real browser, with a real server and real agents: how a device stands and
// what happens next, as it happens; without barriers, in light and dark.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import { openBrowser, skip } from './browser.ts'
import { administrator, openStage } from './fixtures.ts'

/** Where to keep pictures for people to look at; unset: nowhere. */
const pictures = process.env.MUSTER_TEST_PICTURES
/** Who has no session is told so, which a browser notes in its console. */
const refused = /status of 40[14]/

async function picture(page: Page, name: string) {
  if (pictures) await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true })
}

async function signIn(page: Page) {
  await page.getByLabel('E-mail').fill(administrator.MUSTER_ADMIN_EMAIL)
  await page.getByLabel('Password').fill(administrator.MUSTER_ADMIN_PASSWORD)
  await page.keyboard.press('Enter')
  await page.locator('[data-live=live]').waitFor()
}

test('a device is shown as it stands, what happens next, and what happened, as it happens', {
  skip,
}, async () => {
  await using stage = await openStage()
  const agent = await stage.runAgent('gate')
  await using browser = await openBrowser()
  await using opened = await browser.open(`${stage.server.url}/docs`, { expects: refused })
  const { page } = opened
  await page.goto(`${stage.server.url}/devices`)
  await signIn(page)
  await page.getByRole('link', { name: 'gate' }).click()
  await page.waitForURL(`**/devices/${agent.uuid}`)
  await page.getByRole('heading', { name: 'gate', level: 1 }).waitFor()
  await page.locator('.big[data-status=operational]').waitFor()
  await page.locator('[data-channel=cloudlink][data-state=disabled]').waitFor()
  assert.deepEqual(await opened.findBarriers(), [])
  await picture(page, 'device-light')
  await agent.process.stop('SIGKILL')
  await page.locator('[data-next=disconnected]').waitFor()
  await page.getByText('unless a heartbeat arrives').waitFor()
  await stage.untilStatus(agent.uuid, 'disconnected')
  await page.locator('.big[data-status=disconnected]').waitFor({ timeout: 1_000 })
  await page.locator('[data-reason=heartbeat-lost]').waitFor()
  await page.locator('[data-lane=status] [data-word=disconnected]').waitFor()
  await page.getByRole('slider', { name: 'Moment of the timeline' }).focus()
  await page.keyboard.press('Home')
  await page.getByText('We did not listen: silence').waitFor()
  await page.keyboard.press('End')
  await page.getByText(/Disconnected since .* Its heartbeat is lost/).waitFor()
  assert.deepEqual(await opened.findBarriers(), [])
  await page.goto(`${stage.server.url}/devices/${'0'.repeat(32)}`)
  await page.getByText('There is no such device').waitFor()
  assert.deepEqual(await opened.findBarriers(), [])
})
