// `npm run sim -- --seed N [--devices N] [--days N] [--scenario NAME] [--verbose]`: one run.
// `npm run sim -- --campaign DEVICE_DAYS [--seed FIRST]`: seed after seed until the sum is reached; it
// prints each seed, so that an interrupted campaign goes on with the next one.

import { parseArgs } from 'node:util'
import { printFailure, printRun } from './report.ts'
import { runSeed } from './run-seed.ts'
import { type ScenarioName, scenarioNames } from './scenario.ts'
import { freshSeed } from './wall-clock.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    devices: { type: 'string' },
    days: { type: 'string' },
    scenario: { type: 'string' },
    campaign: { type: 'string' },
    verbose: { type: 'boolean', default: false },
  },
})

function scenarioNamed(name: string | undefined): ScenarioName | undefined {
  const known = scenarioNames.find((one) => one === name)
  if (name === undefined || known) return known
  console.error(`--scenario is one of ${scenarioNames.join(', ')}`)
  process.exit(2)
}

const goal = values.campaign === undefined ? 0 : Number(values.campaign)
const scenario = scenarioNamed(values.scenario ?? (goal > 0 ? 'mass' : undefined))
const deviceCount = Number(values.devices ?? (goal > 0 ? 20_000 : 300))
const days = Number(values.days ?? (goal > 0 ? 5 : 1))
await runSeeds(values.seed === undefined ? freshSeed() : Number(values.seed))

async function runSeeds(firstSeed: number): Promise<void> {
  let deviceDays = 0
  let elapsedMs = 0
  let seed = firstSeed
  do {
    console.log(`seed ${seed}`)
    const result = await runSeed({ seed, deviceCount, days, scenario })
    deviceDays += result.deviceDays
    elapsedMs += result.elapsedMs
    printRun(result, values.verbose)
    if (result.violations.length > 0) {
      printFailure(result)
      process.exit(1)
    }
    seed++
  } while (deviceDays < goal)
  if (goal > 0) printCampaign(deviceDays, elapsedMs)
}

function printCampaign(deviceDays: number, elapsedMs: number): void {
  const perMinute = Math.round(deviceDays / (elapsedMs / 60_000))
  console.log(
    `${Math.round(deviceDays)} device-days without a violation in ${Math.round(elapsedMs / 1_000)} s: ${perMinute} a minute`,
  )
}
