// The Devices page in a real browser: rows that live, what is found and how it is shown in the address,
// a change to all that match a filter, by keyboard and without barriers.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import { openBrowser, skip } from './browser.ts'
import { administrator, openStage, type Stage } from './fixtures.ts'

/** Where to keep pictures for people to look at; unset: nowhere. */
const pictures = process.env.MUSTER_TEST_PICTURES
/** Who has no session is told so, which a browser notes in its console. */
const refused = /status of 401/
const crateCount = 12

async function picture(page: Page, name: string) {
  if (pictures) await page.screenshot({ path: join(pictures, `${name}.png`) })
}

async function signIn(page: Page) {
  await page.getByLabel('E-mail').fill(administrator.MUSTER_ADMIN_EMAIL)
  await page.getByLabel('Password').fill(administrator.MUSTER_ADMIN_PASSWORD)
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Devices', level: 1 }).waitFor()
  await page.locator('[data-live=live]').waitFor()
}

async function addCrates({ api }: Stage) {
  for (let number = 1; number <= crateCount; number++)
    await api.devices.preregister({ fleet: 'yard', name: `crate-${number}` })
}

/** All that match the filter of the page are given a tag, after a look at what would come of it. */
async function tagAll(page: Page) {
  await page.getByLabel('Select crate-1', { exact: true }).click()
  await page.getByLabel('Select crate-10').click()
  await page.getByLabel('Select crate-12').click({ modifiers: ['Shift'] })
  await page.getByText('4 selected').waitFor()
  await page.getByRole('button', { name: `Select all ${crateCount} that match` }).click()
  await page.getByLabel('Change them…').selectOption('tag')
  await page.getByLabel('Key of the tag').fill('site')
  await page.getByLabel('Value').fill('north')
  await page.getByRole('button', { name: 'Preview' }).click()
  await page.getByText(`${crateCount} devices would be changed`).waitFor()
  await picture(page, 'devices-bulk')
  await page.getByRole('button', { name: `Set tags: ${crateCount}` }).click()
  await page.locator('[data-bulk=finished]').waitFor()
  await page.getByRole('button', { name: 'Done' }).click()
}

test('devices are found, live where they stand, and changed together', { skip }, async () => {
  await using stage = await openStage()
  await addCrates(stage)
  const agent = await stage.runAgent('gate')
  await using browser = await openBrowser()
  await using opened = await browser.open(`${stage.server.url}/docs`, {
    expects: refused,
    width: 1_440,
  })
  const { page } = opened
  await page.goto(`${stage.server.url}/devices`)
  await signIn(page)
  await page.getByRole('link', { name: 'Fleets' }).click()
  await page.getByRole('link', { name: '1 Operational' }).click()
  await page.getByText('1 device', { exact: true }).waitFor()
  await page.getByRole('button', { name: 'Remove the filter status = operational' }).click()
  await page.getByRole('button', { name: 'Remove the filter fleet = "yard"' }).click()
  const row = page.locator(`[data-device="${agent.uuid}"]`)
  await row.locator('[data-status=operational]').waitFor()
  assert.deepEqual(await opened.findBarriers(), [])
  await agent.process.stop('SIGKILL')
  await stage.untilStatus(agent.uuid, 'disconnected')
  await row.locator('[data-status=disconnected]').waitFor({ timeout: 1_000 })
  await page.getByRole('button', { name: '+ Filter' }).click()
  await page.getByLabel('Column').selectOption('name')
  await page.getByLabel('Value').fill('crate')
  assert.deepEqual(await opened.findBarriers(), [])
  await page.getByRole('button', { name: 'Apply' }).click()
  await page.waitForURL(/filter=/)
  await page.getByText(`${crateCount} devices`, { exact: true }).waitFor()
  await tagAll(page)
  // The rows follow by themselves.
  await page
    .getByText('site=north')
    .nth(crateCount - 1)
    .waitFor({ timeout: 2_000 })
  const { total } = await stage.api.devices.page({ filter: 'tag.site = "north"' })
  assert.equal(total, crateCount)
})

test('by keyboard alone a device is found and opened, in the dark, on a small screen, and as a view', {
  skip,
}, async () => {
  await using stage = await openStage()
  await addCrates(stage)
  await using browser = await openBrowser()
  await using opened = await browser.open(`${stage.server.url}/docs`, {
    expects: /status of 40[14]/,
    scheme: 'dark',
  })
  const { page } = opened
  await page.goto(`${stage.server.url}/devices?sort=-name`)
  await signIn(page)
  await page.locator('h1').click()
  await page.keyboard.press('/')
  await page.keyboard.type('crate-1')
  await page.waitForURL(/q=crate-1/)
  await page.getByText('4 devices', { exact: true }).waitFor()
  await page.getByRole('grid').focus()
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Space')
  await page.locator('[role=row][aria-selected=true][aria-rowindex="3"]').waitFor()
  assert.deepEqual(await opened.findBarriers(), [])
  await picture(page, 'devices-dark')
  await page.getByRole('button', { name: 'Save view' }).click()
  await page.getByLabel('Name of the view').fill('First crates')
  await page.keyboard.press('Enter')
  await page.waitForURL(/view=first-crates/)
  await page.setViewportSize({ width: 360, height: 740 })
  assert.deepEqual(await opened.findBarriers(), [])
  const sideways = Number(await page.evaluate('document.documentElement.scrollWidth'))
  assert.ok(sideways <= 360, `${sideways} px wide`)
  await picture(page, 'devices-small')
  await page.getByLabel('View', { exact: true }).selectOption('First crates')
  await page.getByRole('grid').focus()
  await page.keyboard.press('Home')
  await page.keyboard.press('Enter')
  await page.waitForURL(/\/devices\/[0-9a-f]{32}/)
})
