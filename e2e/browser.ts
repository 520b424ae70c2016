// A real browser for tests: the system's Chromium, and pages that must be without fault. Whatever the
// console says as an error, what the Content-Security-Policy refuses, what was thrown, and what is asked
// of anybody but the server fails the test that opened the page, when the page is closed.

import assert from 'node:assert/strict'
import axe from 'axe-core'
import { chromium, type Page } from 'playwright-core'

const program = process.env.MUSTER_TEST_CHROMIUM
/** Why tests with a browser are skipped, or false. */
export const skip = program ? false : 'needs Chromium: apt-get install chromium'

export type PageLook = {
  width?: number
  height?: number
  scheme?: 'light' | 'dark'
  /** Errors of the console that belong to the story: a refusal is one to a browser. */
  expects?: RegExp
}
export type OpenedPage = {
  page: Page
  /** What hinders people with a disability, as axe finds it; nothing: an empty list. */
  findBarriers(): Promise<string[]>
  [Symbol.asyncDispose](): Promise<void>
}

export async function openBrowser() {
  const browser = await chromium.launch({
    executablePath: program!,
    // Tests run as root in containers, where the sandbox and shared memory are not to be had.
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  })
  return {
    async open(
      url: string,
      { width = 1_280, height = 900, scheme = 'light', expects }: PageLook = {},
    ): Promise<OpenedPage> {
      const context = await browser.newContext({
        viewport: { width, height },
        colorScheme: scheme,
        reducedMotion: 'reduce',
      })
      const page = await context.newPage()
      const faults = noteFaults(page, new URL(url).origin)
      await page.goto(url)
      return {
        page,
        findBarriers: () => findBarriers(page),
        async [Symbol.asyncDispose]() {
          await context.close()
          const unexpected = faults.filter((fault) => !expects?.test(fault))
          assert.deepEqual(unexpected, [], `faults of ${url}`)
        },
      }
    },
    [Symbol.asyncDispose]: () => browser.close(),
  }
}

function noteFaults(page: Page, origin: string): string[] {
  const faults: string[] = []
  // A refusal of the Content-Security-Policy is an error of the console, too.
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(`console: ${message.text()}`)
  })
  page.on('pageerror', (error) => faults.push(`thrown: ${error.message}`))
  page.on('request', (request) => {
    const { protocol, origin: asked } = new URL(request.url())
    if (protocol.startsWith('http') && asked !== origin) faults.push(`asked ${request.url()}`)
  })
  return faults
}

async function findBarriers(page: Page): Promise<string[]> {
  // By the debugger, since the policy of the page lets no foreign script in.
  await page.evaluate(axe.source)
  const { violations } = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: typeof import('axe-core') }
    return axe.run()
  })
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target }) => `${id}: ${help}: ${target.join(' ')}`),
  )
}
