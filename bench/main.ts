// `npm run bench`: what DESIGN section 6 promises, measured, with a verdict for each. A figure in the
// README or in docs/reference/performance.md comes from here and from nowhere else.
//
//   npm run bench                      everything, some minutes
//   npm run bench -- --only heartbeats one of them
//   npm run bench -- --quick           small and short: do the benches work?
//   npm run bench -- --json            the results as JSON on standard output
//   npm run bench -- --page            also into docs/reference/performance.md, row by row

import { parseArgs } from 'node:util'
import { agent } from './agent.ts'
import { bulk } from './bulk.ts'
import { dashboard } from './dashboard.ts'
import { finding } from './finding.ts'
import { heartbeats } from './heartbeats.ts'
import { history } from './history.ts'
import { lateness } from './lateness.ts'
import { links } from './links.ts'
import { overview } from './overview.ts'
import { tableOf, writePage } from './page.ts'
import { past } from './past.ts'
import { type Bench, type Measured, verdictOf } from './promise.ts'
import { silence } from './silence.ts'
import { start } from './start.ts'
import { watching } from './watching.ts'
import { wire } from './wire.ts'

const benches: Record<string, Bench> = {
  heartbeats,
  links,
  overview,
  finding,
  silence,
  lateness,
  watching,
  start,
  agent,
  wire,
  history,
  past,
  bulk,
  dashboard,
}

const { values: options } = parseArgs({
  args: process.argv.slice(2),
  options: {
    only: { type: 'string' },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    page: { type: 'boolean', default: false },
  },
})

const chosen = Object.entries(benches).filter(([name]) => !options.only || name === options.only)
if (chosen.length === 0) {
  console.error(`--only takes one of: ${Object.keys(benches).join(', ')}`)
  process.exit(2)
}
const results: (Measured & { bench: string })[] = []
const failures: string[] = []
for (const [name, run] of chosen) {
  console.error(`\n${name}`)
  try {
    const say = (text: string) => console.error(`  ${text}`)
    for (const measured of await run({ quick: options.quick, say }))
      results.push({ bench: name, ...measured })
  } catch (error) {
    console.error(error)
    failures.push(name)
  }
}
if (options.json) console.log(JSON.stringify(results.map(withVerdict), null, 2))
else printTable(results)
if (options.page) writePage('docs/reference/performance.md', results)
for (const name of failures) console.error(`${name} could not be measured`)
const missed = results.filter((one) => verdictOf(one) === 'missed')
process.exitCode = failures.length > 0 || (missed.length > 0 && !options.quick) ? 1 : 0

function withVerdict(result: Measured & { bench: string }) {
  return { ...result, verdict: verdictOf(result) }
}

function printTable(rows: readonly Measured[]): void {
  console.log(`\n${tableOf(rows)}\n`)
  for (const { promise, detail } of rows) console.log(`- ${promise}: ${detail}`)
}
