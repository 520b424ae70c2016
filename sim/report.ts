// What a run says: one line when all was well; when not, what is wrong, with which device, on what
// evidence, and the command that replays it.

import type { Result } from './run-seed.ts'

export function printRun(result: Result, verbose: boolean): void {
  const { scenario, deviceDays, elapsedMs, outcome, stats } = result
  const perMinute = Math.round(deviceDays / (elapsedMs / 60_000))
  const said = [
    `  ${scenario.name}, ${scenario.replicaCount} replica(s)`,
    `${Math.round(deviceDays)} device-days in ${(elapsedMs / 1_000).toFixed(1)} s (${perMinute} a minute)`,
    ...Object.entries(stats).map(([name, count]) => `${count} ${name}`),
    ...(outcome
      ? [
          `${outcome.transitionCount} transitions`,
          `${outcome.gapCount} gaps`,
          `digest ${outcome.digest}`,
        ]
      : []),
  ]
  console.log(said.join(', '))
  if (verbose) console.log(scenario)
}

export function commandOf({ options }: Result): string {
  const { seed, deviceCount, days, scenario } = options
  const named = scenario ? ` --scenario ${scenario}` : ''
  return `npm run sim -- --seed ${seed} --devices ${deviceCount} --days ${days}${named}`
}

const shownCount = 3

export function printFailure(result: Result): void {
  const { violations, chronicle } = result
  console.error(`\n${violations.length} violation(s); the first:`)
  for (const { what, device, details, at } of violations.slice(0, shownCount)) {
    const who = device ? ` (device ${device.id}, fleet ${device.fleet})` : ''
    console.error(`\n${new Date(at).toISOString()} ${what}${who}`)
    console.error(JSON.stringify(details, readable, 1).slice(0, 12_000))
    if (device) console.error('troubles', JSON.stringify(device.troubles.slice(-6), readable))
  }
  console.error(`\nLately:\n${chronicle.slice(-60).join('\n')}`)
  console.error(`\nReplay: ${commandOf(result)}`)
}

/** Instants are easier to compare as times of the day. */
function readable(name: string, value: unknown): unknown {
  const isInstant = /(?:^at|At|Since|_at|^since)$/.test(name) && typeof value === 'number'
  return isInstant && Number.isFinite(value) && value > 1e12
    ? new Date(value).toISOString().slice(5, 23)
    : value
}
