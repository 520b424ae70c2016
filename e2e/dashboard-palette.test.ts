// The command palette in a real browser: by keys alone to a device, and to an action that the device does.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { openBrowser, skip } from './browser.ts'
import { administrator, openStage, until } from './fixtures.ts'

const pictures = process.env.MUSTER_TEST_PICTURES

test('by keys alone: to a device, and a reboot of it that the device does', { skip }, async () => {
  await using stage = await openStage()
  await using browser = await openBrowser()
  const agent = await stage.runAgent('gate-1', { env: { MUSTER_AGENT_PRETEND_POWER: 'true' } })
  for (const scheme of ['light', 'dark'] as const) {
    await using opened = await browser.open(`${stage.server.url}/docs`, {
      scheme,
      expects: /status of 401/,
    })
    const { page } = opened
    const palette = page.getByRole('dialog').getByRole('combobox')
    await page.goto(stage.server.url)
    await page.getByLabel('E-mail').fill(administrator.MUSTER_ADMIN_EMAIL)
    await page.getByLabel('Password').fill(administrator.MUSTER_ADMIN_PASSWORD)
    await page.keyboard.press('Enter')
    await page.locator('[data-live=live]').waitFor()
    await page.keyboard.press('Control+k')
    await palette.waitFor()
    if (pictures) await page.screenshot({ path: join(pictures, `palette-empty-${scheme}.png`) })
    await page.keyboard.type('gat')
    await page.getByRole('option', { name: /gate-1/ }).waitFor()
    if (pictures) await page.screenshot({ path: join(pictures, `palette-${scheme}.png`) })
    assert.deepEqual(await opened.findBarriers(), [])
    await page.keyboard.press('Escape')
    await palette.waitFor({ state: 'detached' })
    await page.keyboard.press('Control+k')
    await page.keyboard.type('gate-1')
    await page.getByRole('option', { name: /^gate-1/ }).waitFor()
    await page.keyboard.press('Enter')
    await page.waitForURL(`**/devices/${agent.uuid}`)
    await page.keyboard.press('Control+k')
    await page.keyboard.type('reboot gate')
    await page.getByRole('option', { name: 'Reboot: gate-1' }).waitFor()
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: 'Reboot: gate-1' }).waitFor()
    if (pictures) await page.screenshot({ path: join(pictures, `palette-act-${scheme}.png`) })
    assert.deepEqual(await opened.findBarriers(), [])
    await page.keyboard.press('Enter')
    await page.locator('dialog [data-state=succeeded]').waitFor()
    if (pictures) await page.screenshot({ path: join(pictures, `palette-done-${scheme}.png`) })
    assert.deepEqual(await opened.findBarriers(), [])
  }
  const reboots = await until('both reboots', () => {
    const lines = readFileSync(join(agent.stateDir, 'pretended-power'), 'utf8').trim().split('\n')
    return lines.length === 2 ? lines : null
  })
  assert.ok(
    reboots.every((line) => line.includes('reboot')),
    reboots.join('\n'),
  )
})
