// The Devices page of a fleet of a million in a real browser: how soon it can be used, what the tab
// weighs, whether scrolling keeps up with the screen, and what is loaded before the first page shows.
// The tab weighs what its process has for itself alone. It is scrolled by the wheel, a little at each
// frame, through pages that are read as they come into view; a frame is dropped when the next one is
// late by more than half its time.

import { readFileSync } from 'node:fs'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { chromium } from 'playwright-core'
import { openMillion } from './million.ts'
import { type Bench, median, percentile, type Scale, written } from './promise.ts'
import { adminToken, openFolder, type Server, startServer } from './server-process.ts'

const program = process.env.MUSTER_TEST_CHROMIUM
const frameMs = 1_000 / 60
const scrollPx = 240

type Visit = {
  readyMs: number
  firstMb: number
  scrolledMb: number
  framesMs: number[]
  rowCount: number
  scriptBytes: number
}

export const dashboard: Bench = async (scale) => {
  if (!program) throw new Error('it needs a browser: set MUSTER_TEST_CHROMIUM')
  const { path, deviceCount } = await openMillion(scale)
  await using folder = await openFolder(path)
  await using server = await startServer(folder.path)
  const visits = await visitSome(server, scale, program)
  await server.stop()
  const all = <K extends keyof Visit>(key: K) => visits.map((visit) => visit[key])
  const framesMs = all('framesMs').flat()
  const dropped = framesMs.filter((ms) => ms > 1.5 * frameMs)
  const about = `Devices page, ${deviceCount.toLocaleString('en')} devices`
  const frames = `${framesMs.length} frames over ${Math.max(...all('rowCount'))} rows, p99 ${written(percentile(framesMs, 99), 'ms')}, longest ${written(Math.max(...framesMs), 'ms')}`
  const visited = `median of ${visits.length} visits with an empty cache`
  return [
    {
      ...{ promise: `${about}: first rows can be used`, unit: 'ms', better: 'less' },
      ...{ must: 2_000, aim: 1_000, figure: median(all('readyMs')), detail: visited },
    },
    {
      ...{ promise: `${about}: memory of the tab once scrolled`, unit: 'MB', better: 'less' },
      ...{ must: 200, aim: 120, figure: Math.max(...all('scrolledMb')) },
      detail: `most of ${visits.length}; ${written(median(all('firstMb')), 'MB')} before it is scrolled`,
    },
    {
      ...{ promise: `${about}: frames dropped while scrolling`, unit: '%', better: 'less' },
      ...{ must: 1, aim: 0.5, figure: (100 * dropped.length) / framesMs.length, detail: frames },
    },
    {
      ...{ promise: `${about}: scripts of the first page, compressed`, unit: 'B', better: 'less' },
      ...{ must: 250_000, aim: 200_000, figure: Math.max(...all('scriptBytes')), detail: visited },
    },
  ]
}

async function visitSome(server: Server, { quick, say }: Scale, executablePath: string) {
  const browser = await chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  })
  try {
    const visits: Visit[] = []
    for (let round = 0; round < (quick ? 1 : 3); round++) {
      const visit = await visitOnce(browser, server, quick ? 2_000 : 6_000)
      const { readyMs, firstMb, scrolledMb, rowCount } = visit
      say(
        `ready after ${written(readyMs, 'ms')}, ${written(firstMb, 'MB')}; after ${rowCount} rows ${written(scrolledMb, 'MB')}`,
      )
      visits.push(visit)
    }
    return visits
  } finally {
    await browser.close()
  }
}

async function visitOnce(browser: Browser, server: Server, scrollMs: number): Promise<Visit> {
  const context = await browser.newContext({
    viewport: { width: 1_440, height: 900 },
    extraHTTPHeaders: { authorization: `Bearer ${adminToken}` },
  })
  const page = await context.newPage()
  let scriptBytes = 0
  page.on('requestfinished', async (request) => {
    if (request.resourceType() === 'script') scriptBytes += (await request.sizes()).responseBodySize
  })
  const startedAt = performance.now()
  await page.goto(`${server.url}/devices`, { waitUntil: 'commit' })
  await page.locator('[data-device]').first().waitFor()
  // It can be used once it answers to a hand.
  await page.locator('[data-device] input').first().click()
  await page.locator('[role=row][aria-selected=true]').waitFor()
  const readyMs = performance.now() - startedAt
  const firstMb = await weigh(browser, context, page)
  const framesMs = await scroll(page, scrollMs)
  const lastRow = await page.locator('[data-device]').last().getAttribute('aria-rowindex')
  const scrolledMb = await weigh(browser, context, page)
  await context.close()
  return { readyMs, firstMb, scrolledMb, framesMs, rowCount: Number(lastRow), scriptBytes }
}

/** The time from each frame to the next. */
async function scroll(page: Page, forMs: number): Promise<number[]> {
  await page.mouse.move(700, 500)
  await page.evaluate(`globalThis.frames = []
    const note = (at) => { frames.push(at); requestAnimationFrame(note) }
    requestAnimationFrame(note)`)
  const startedAt = performance.now()
  while (performance.now() - startedAt < forMs) {
    await page.mouse.wheel(0, scrollPx)
    await page.evaluate('new Promise(requestAnimationFrame)')
  }
  const frames = (await page.evaluate('frames')) as number[]
  return frames.slice(1).map((at, i) => at - frames[i]!)
}

/** In MB, what the process of the page holds for itself once what it has dropped is collected. */
async function weigh(browser: Browser, context: BrowserContext, page: Page): Promise<number> {
  const session = await context.newCDPSession(page)
  await session.send('HeapProfiler.collectGarbage')
  const system = await browser.newBrowserCDPSession()
  const { processInfo } = await system.send('SystemInfo.getProcessInfo')
  const renderers = processInfo.filter(({ type }) => type === 'renderer')
  // Those of other pages wait, empty.
  return Math.max(...renderers.map(({ id }) => ownMegabytes(id)))
}

function ownMegabytes(pid: number): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  const kibibytes = [...text.matchAll(/^Private_(?:Dirty|Clean):\s+(\d+)/gm)].map(([, count]) =>
    Number(count),
  )
  return (kibibytes.reduce((sum, count) => sum + count, 0) * 1_024) / 1_000_000
}
