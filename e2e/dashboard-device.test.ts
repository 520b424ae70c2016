// The Device Summary page in a real browser, with a real server and real agents: how a device stands and
// what happens next, as it happens; without barriers, in light and dark.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Status, statusWords } from '@muster/core/statuses.ts'
import type { Page } from 'playwright-core'
import { findProgram } from '../tools/services.ts'
import { openBrowser, skip } from './browser.ts'
import { administrator, openStage, quick, type Stage } from './fixtures.ts'
import type { WireDevice } from './wire-device.ts'

/** Where to keep pictures for people to look at; unset: nowhere. */
const pictures = process.env.MUSTER_TEST_PICTURES
/** Who has no session is told so, which a browser notes in its console. */
const refused = /status of 40[14]|net::ERR_/

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
  await page.goBack()
  await page.locator('.big[data-status=disconnected]').waitFor()
  await stage.server.kill()
  await page.getByText('The connection to the server is lost: this is how it was.').waitFor()
  assert.deepEqual(await opened.findBarriers(), [])
})

/** Renamed, tagged, and moved by whoever looks at it. */
async function changeIt(page: Page, { api }: Stage, uuid: string) {
  await page.getByRole('button', { name: 'Rename' }).click()
  await page.getByLabel('Name', { exact: true }).fill('north gate')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'north gate', level: 1 }).waitFor()
  await page.getByLabel('Key', { exact: true }).fill('site')
  await page.getByLabel('Value', { exact: true }).fill('berlin')
  await page.keyboard.press('Enter')
  await page.getByText('site=berlin').waitFor()
  await page.getByRole('button', { name: 'Edit' }).click()
  await page.getByRole('textbox', { name: 'Note' }).fill('The key is at the lodge.\nRing twice.')
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByText('Ring twice.').waitFor()
  await page.getByRole('button', { name: 'Move', exact: true }).click()
  await page.getByLabel('To the fleet').selectOption('orchard')
  await page.getByRole('dialog').getByRole('button', { name: 'Move' }).click()
  await page.getByRole('link', { name: 'orchard' }).waitFor()
  const { name, fleet, tags } = await api.devices.read(uuid)
  assert.deepEqual(
    { name, fleet, tags },
    { name: 'north gate', fleet: 'orchard', tags: { site: 'berlin' } },
  )
}

/** One that does harm is asked for only after it was said what it does; what was done is proved. */
async function act(page: Page) {
  await page.getByText('Would arrive with the next heartbeat').first().waitFor()
  await page.getByRole('button', { name: 'Reboot…' }).click()
  await page.getByRole('dialog').getByText('another boot id').waitFor()
  await page.getByRole('button', { name: 'Cancel' }).click()
  await page.getByRole('button', { name: 'Check for updates' }).click()
  await page.locator('[data-action=check-updates][data-state=succeeded]').waitFor()
  assert.equal(await page.locator('[data-action]').count(), 1)
}

/** The commands that lead to it are ready to be copied, and a program on it is shown under a URL. */
async function openUrl(page: Page) {
  await page.getByLabel('Port here').fill('9000')
  await page.getByText(/^muster tunnel [0-9a-f]{7} 8080:9000$/).waitFor()
  await page.getByRole('button', { name: 'Switch on' }).click()
  await page.getByRole('link', { name: /\.devices\.example\.net/ }).waitFor()
  await page.getByRole('button', { name: 'Switch off' }).click()
  await page.getByRole('button', { name: 'Switch on' }).waitFor()
}

test('a device is changed and asked for actions, in the dark and on a small screen', {
  skip,
}, async () => {
  const env = {
    MUSTER_DEVICE_URL_DOMAIN: 'devices.example.net',
    MUSTER_PUBLIC_URL: 'http://muster.example.org',
  }
  await using stage = await openStage({ env })
  await stage.api.fleets.create({ name: 'Orchard', slug: 'orchard', policy: quick })
  const agent = await stage.runAgent('gate')
  await using browser = await openBrowser()
  const look = { expects: refused, scheme: 'dark', width: 360, height: 740 } as const
  await using opened = await browser.open(`${stage.server.url}/docs`, look)
  const { page } = opened
  await page.goto(`${stage.server.url}/devices/${agent.uuid}`)
  await signIn(page)
  await changeIt(page, stage, agent.uuid)
  await act(page)
  await openUrl(page)
  await page.locator('[data-transition=operational]').first().waitFor()
  await page.getByRole('table', { name: 'Audit log' }).getByText('site: – → berlin').waitFor()
  assert.deepEqual(await opened.findBarriers(), [])
  const sideways = Number(await page.evaluate('document.documentElement.scrollWidth'))
  assert.ok(sideways <= 360, `${sideways} px wide`)
  await picture(page, 'device-small')
})

/** It tells what it found on itself. */
async function examine({ server }: Stage, { uuid, key }: WireDevice) {
  const detail = '93 % of 29.1 GiB used'
  const findings = [{ check: 'disk', result: 'warning', step: null, detail }]
  const { status } = await fetch(`${server.url}/device/v1/${uuid}/health`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ cause: 'trouble', agoMs: 0, tookMs: 1, findings }),
  })
  assert.equal(status, 204)
}

/** Each by what a device says, or what people do with it. */
async function bringAll(stage: Stage): Promise<Record<Status, string>> {
  const { api } = stage
  const add = async (report: Record<string, unknown> | null) => {
    const device = await stage.addWireDevice()
    if (report) assert.equal(await device.report(report), 200)
    else assert.equal(await device.heartbeat(), 200)
    return device
  }
  const step = { provisioning_state: 'Network', provisioning_progress: 30 }
  const image = { download_progress: 40 }
  const release = { update_status: 'downloading', services: { web: image } }
  const { device: spare } = await api.devices.preregister({ fleet: 'yard' })
  const flashed = await stage.addWireDevice()
  const [frozen, van, box, screen, camera, pump] = [
    await add(null),
    await add(null),
    await add(step),
    await add({ apps: { app: { releases: { one: release } } } }),
    await add(null),
    await add(null),
  ]
  await examine(stage, pump)
  await api.devices.switch(frozen.uuid, 'freeze')
  await van.goodbye()
  await api.devices.edit(camera.uuid, { policy: { cloudlinkEnabled: true, cloudlinkGraceMs: 0 } })
  return {
    frozen: frozen.uuid,
    inactive: spare.uuid,
    'post-provisioning': flashed.uuid,
    disconnected: van.uuid,
    configuring: box.uuid,
    updating: screen.uuid,
    'reduced-functionality': camera.uuid,
    operational: pump.uuid,
  }
}

test('each of the eight statuses is shown with its reason, and nothing hinders anybody', {
  skip,
}, async () => {
  await using stage = await openStage({ policy: { cloudlinkEnabled: false } })
  const uuids = await bringAll(stage)
  await using browser = await openBrowser()
  const look = { expects: refused, width: 1_440 } as const
  await using opened = await browser.open(`${stage.server.url}/docs`, look)
  const { page } = opened
  await page.goto(`${stage.server.url}/devices`)
  await signIn(page)
  for (const status of statusWords) {
    await page.emulateMedia({
      colorScheme: statusWords.indexOf(status) % 2 === 0 ? 'light' : 'dark',
    })
    await page.goto(`${stage.server.url}/devices/${uuids[status]}`)
    await page.locator(`.big[data-status=${status}]`).waitFor()
    await page.locator('[data-reason] .advice').first().waitFor()
    await page.locator('[data-offer=reboot]').waitFor()
    assert.deepEqual(await opened.findBarriers(), [], status)
    await picture(page, `device-${status}`)
  }
  // The last of them has examined itself.
  await page
    .locator('[data-check=disk][data-result=warning]', { hasText: '93 %' })
    .first()
    .waitFor()
})

const withoutSshd =
  skip ||
  (findProgram('sshd') && process.getuid?.() === 0
    ? false
    : 'sshd is not installed (apt-get install openssh-server), or this is not root')

test('a terminal on the device runs commands, also in many colours, and lets the keyboard go', {
  skip: withoutSshd,
}, async () => {
  await using stage = await openStage({ policy: { ...quick, cloudlinkEnabled: true } })
  const agent = await stage.runAgent('pump')
  await using browser = await openBrowser()
  await using opened = await browser.open(`${stage.server.url}/docs`, { expects: refused })
  const { page } = opened
  await page.goto(`${stage.server.url}/devices/${agent.uuid}`)
  await signIn(page)
  await page.getByRole('button', { name: 'Open terminal' }).click()
  await page.locator('[data-terminal=open]').waitFor()
  // A policy against inline style would refuse this where xterm.js is taken as it is.
  await page.keyboard.type('printf \'\\033[38;2;255;120;0m%s\\033[0m\\n\' "sum $((40 + 2))"\n')
  await page.locator('.xterm-rows span', { hasText: /^sum 42$/ }).waitFor()
  const colour = await page.evaluate(
    "getComputedStyle([...document.querySelectorAll('.xterm-rows span')].find((cell) => cell.textContent === 'sum 42')).color",
  )
  assert.equal(colour, 'rgb(255, 120, 0)')
  assert.deepEqual(await opened.findBarriers(), [])
  await picture(page, 'device-terminal')
  await page.keyboard.press('Control+Shift+Enter')
  await page.locator('.dock button:focus').waitFor()
  await page.locator('.xterm-helper-textarea').focus()
  await page.keyboard.type('exit 3\n')
  await page.getByText('Exit code 3.').waitFor()
  await page.getByRole('button', { name: 'Close' }).click()
  assert.equal(await page.locator('.dock').count(), 0)
  await page.locator('button:focus', { hasText: 'Open terminal' }).waitFor()
})
