// `npm test`: every test of Muster by one command, on a bare machine.
//
//   npm test                     everything
//   npm test -- --only status    files with "status" in their path; where there are none, tests by name
//
// Tests that need a real PostgreSQL, NATS, network namespaces or browser find it in the environment
// (MUSTER_TEST_…); what is not on this machine is named aloud, with what to install, and the tests that
// ask for it skip themselves. The last line counts everything. With CI=true a skipped test is a failure:
// CI must not turn green by not looking.

import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { existsSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import { run } from 'node:test'
import { parseArgs, styleText } from 'node:util'
import { buildDashboardIfStale } from './build-dashboard.ts'
import { isTypeScript, openHouse, rootDir } from './house.ts'
import {
  canMakeNetworks,
  findPostgres,
  findProgram,
  type Service,
  startNats,
  startPostgres,
} from './services.ts'

type Counts = { passed: number; failed: number; skipped: number }

/** What a test may ask for by the name of its variable, how it is had, and what to install for it. */
const needs = {
  MUSTER_TEST_POSTGRES_URL: {
    title: 'PostgreSQL',
    install: 'apt-get install postgresql',
    start: () => (findPostgres() ? startPostgres() : null),
  },
  MUSTER_TEST_NATS_URL: {
    title: 'NATS',
    install: 'apt-get install nats-server',
    start: () => (findProgram('nats-server') ? startNats() : null),
  },
  MUSTER_TEST_NETNS: {
    title: 'network namespaces',
    install: 'apt-get install iproute2, and run as root',
    start: () => (canMakeNetworks() ? there('1') : null),
  },
  MUSTER_TEST_CHROMIUM: {
    title: 'Chromium',
    install: 'apt-get install chromium',
    start: () => there(findProgram('chromium')),
  },
} as const satisfies Record<
  string,
  { title: string; install: string; start(): Promise<Started> | Started }
>

type Started = { url: string; stop(): Promise<void> } | Service | null

function there(url: string | null): Started {
  return url === null ? null : { url, stop: async () => {} }
}

const { values: options } = parseArgs({
  args: process.argv.slice(2),
  options: { only: { type: 'string' } },
})
const house = openHouse()
const started: NonNullable<Started>[] = []
const total: Counts = { passed: 0, failed: 0, skipped: 0 }

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
try {
  const { unit, endToEnd, namePattern } = chosenTests(options.only)
  if (endToEnd.some((path) => path.includes('dashboard'))) buildDashboardIfStale()
  await startWhatIsAskedFor()
  await runFiles(unit, { concurrency: 2, timeoutMs: 5 * 60_000, namePattern })
  if (options.only === undefined || options.only === 'sim') await runSimulator()
  await runFiles(endToEnd, { concurrency: 1, timeoutMs: 10 * 60_000, namePattern })
} finally {
  for (const service of started) await service.stop()
}
const { passed, failed, skipped } = total
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`)
process.exitCode = failed > 0 || (process.env.CI === 'true' && skipped > 0) ? 1 : 0

/** The files to run; a pattern that is in no path is the name of a test. */
function chosenTests(only: string | undefined) {
  const all = house.files.map(({ path }) => path).filter((path) => path.endsWith('.test.ts'))
  const named = only === undefined ? all : all.filter((path) => path.includes(only))
  const byName = only !== undefined && only !== 'sim' && named.length === 0
  const files = byName ? all : named
  return {
    unit: files.filter((path) => !path.startsWith('e2e/')),
    endToEnd: files.filter((path) => path.startsWith('e2e/')),
    namePattern: byName ? only : undefined,
  }
}

/** Starts what some test of this repository mentions, and names what cannot be had. */
async function startWhatIsAskedFor() {
  const programs = house.files.filter(
    (file) => isTypeScript(file) && !file.path.startsWith('tools/'),
  )
  for (const [variable, { title, install, start }] of Object.entries(needs)) {
    if (!programs.some(({ text }) => text.includes(variable)) || process.env[variable]) continue
    const service = await start()
    if (service) started.push(service)
    if (service) process.env[variable] = service.url
    else console.log(loud(`SKIPPED all that needs ${title}, which is not here: ${install}`))
  }
}

type RunOptions = { concurrency: number; timeoutMs: number; namePattern: string | undefined }

/** Runs test files as processes of their own; says a line per file and all of every failure. */
async function runFiles(paths: string[], { concurrency, timeoutMs, namePattern }: RunOptions) {
  if (paths.length === 0) return
  const events = run({
    files: paths.map((path) => resolve(rootDir, path)),
    concurrency,
    timeout: timeoutMs,
    ...(namePattern === undefined ? {} : { testNamePatterns: namePattern }),
  })
  const counts = new Map<string, Counts>()
  const of = (file: string | undefined) => {
    const path = file ? relative(rootDir, file) : 'tests'
    const known = counts.get(path) ?? { passed: 0, failed: 0, skipped: 0 }
    counts.set(path, known)
    return known
  }
  for await (const { type, data } of events) {
    if (type === 'test:pass' && data.details.type !== 'suite') {
      const isSkipped = data.skip !== undefined || data.todo !== undefined
      of(data.file)[isSkipped ? 'skipped' : 'passed']++
      if (isSkipped) console.log(loud(`skipped: ${data.name} (${data.skip || data.todo})`))
    }
    if (type === 'test:fail' && isOwnFailure(data.details.error)) {
      of(data.file).failed++
      sayFailure(data.name, data.file, data.details.error)
    }
    if (type === 'test:stderr') process.stderr.write(data.message)
    if (type === 'test:summary' && data.file)
      sayFile(relative(rootDir, data.file), of(data.file), data)
  }
  for (const one of counts.values())
    for (const key of ['passed', 'failed', 'skipped'] as const) total[key] += one[key]
}

/** A suite that failed only because a test in it did has been counted there. */
function isOwnFailure(error: Error & { failureType?: unknown }): boolean {
  return error.failureType !== 'subtestsFailed'
}

function sayFailure(name: string, file: string | undefined, error: Error) {
  const cause = error.cause instanceof Error ? error.cause.stack : (error.cause ?? error.message)
  console.log(styleText('red', `✖ ${name}`), file ? `in ${relative(rootDir, file)}` : '')
  console.log(String(cause).replace(/^/gm, '    '))
}

function sayFile(
  path: string,
  { passed, failed, skipped }: Counts,
  { duration_ms }: { duration_ms: number },
) {
  const mark = failed ? styleText('red', '✖') : styleText('green', '✔')
  const rest = [failed && `${failed} failed`, skipped && `${skipped} skipped`].filter(Boolean)
  console.log(
    mark,
    path,
    [`${passed} passed`, ...rest].join(', '),
    `in ${Math.round(duration_ms)} ms`,
  )
}

/** A seed that every run shares, and one that no run had before: masses of devices for a day each. */
async function runSimulator() {
  if (!existsSync(resolve(rootDir, 'sim/main.ts'))) return
  const masses = ['--scenario', 'mass', '--devices', '4000', '--days', '1']
  for (const seed of [1, randomInt(2, 2 ** 31)]) {
    const child = spawn(process.execPath, ['sim/main.ts', '--seed', String(seed), ...masses], {
      cwd: rootDir,
      stdio: ['ignore', 'inherit', 'inherit'],
      timeout: 5 * 60_000,
    })
    const code = await new Promise((done) => child.once('exit', done))
    total[code === 0 ? 'passed' : 'failed']++
    if (code !== 0)
      console.log(loud(`the simulator failed: npm run sim -- --seed ${seed} ${masses.join(' ')}`))
  }
}

function loud(text: string): string {
  return styleText('yellow', text)
}
