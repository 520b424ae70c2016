// Options that several commands share, so that the same thing is said the same way everywhere.

import { Refusal } from '@muster/core/errors.ts'
import { policyLimits } from '@muster/core/policy.ts'
import { type ReasonCode, reasonCodes } from '@muster/core/reasons.ts'
import { type Status, statusWords } from '@muster/core/statuses.ts'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { parseCount, parseDuration, parsePeriod } from './arguments.ts'
import { columnNamesOf, type Table } from './view/table.ts'
import { durationText } from './view/time.ts'

/** A parser whose refusal names the option that it was for. */
export function parsedBy<V>(parse: (text: string) => V): (text: string) => V {
  return (text) => {
    try {
      return parse(text)
    } catch (error) {
      if (error instanceof Refusal) throw new InvalidArgumentError(`${error.detail}.`)
      throw error
    }
  }
}

export type ListOptions = { limit?: number; cursor?: string; all?: true }

/** The options of a list; with its table, also those that choose what of the table is shown. */
export function addListOptions(command: Command, table?: Table): Command {
  command
    .option('--limit <count>', 'how many at once, 1 to 500 (default: 50)', parsedBy(parseCount))
    .option('--cursor <cursor>', 'go on where a page before ended')
    .addOption(new Option('--all', 'all of them, however many').conflicts(['cursor']))
  return table ? addTableOptions(command, table) : command
}

/** What every table takes; openSession hands it on, so that a command need not know of it. */
export function addTableOptions(command: Command, table: Table): Command {
  const names = columnNamesOf(table)
  const columns = new Option(
    '--columns <columns>',
    `these columns in this order, of ${names.join(', ')}`,
  ).argParser((text) => text.split(',').map((name) => name.trim()))
  return command
    .addOption(Object.assign(columns, { listOf: names }))
    .option('--wide', 'every column, and nothing cut')
    .option('--no-headers', 'leave the titles out')
}

/** The largest page where all is wanted. */
export function pageQuery({ limit, cursor, all }: ListOptions) {
  return { limit: limit ?? (all ? 500 : undefined), cursor }
}

export function addPolicyOptions(command: Command): Command {
  const bounds = (name: keyof typeof policyLimits) => {
    const { min, max } = policyLimits[name]
    return `${durationText(min)} to ${durationText(max)}, or inherit`
  }
  const duration = parsedBy((text: string) => {
    if (text !== 'inherit') parseDuration(text)
    return text
  })
  return command
    .option(
      '--heartbeat-interval <duration>',
      `how often a device is heard (${bounds('heartbeatIntervalMs')})`,
      duration,
    )
    .option(
      '--heartbeat-grace <duration>',
      `from late to lost (${bounds('heartbeatGraceMs')})`,
      duration,
    )
    .addOption(
      new Option('--cloudlink <switch>', 'whether devices keep a cloudlink open').choices([
        'on',
        'off',
        'inherit',
      ]),
    )
    .option(
      '--cloudlink-keepalive <duration>',
      `how often an idle cloudlink proves that it lives (${bounds('cloudlinkKeepaliveMs')})`,
      duration,
    )
    .option(
      '--cloudlink-grace <duration>',
      `a link that is back within it was never lost (${bounds('cloudlinkGraceMs')})`,
      duration,
    )
    .option(
      '--stall <duration>',
      `work without progress for longer is stalled (${bounds('stallMs')})`,
      duration,
    )
}

export type HistoryOptions = ListOptions & {
  from?: string
  to?: string
  was?: Status
  became?: Status
  reason?: ReasonCode
}

export function addHistoryOptions(command: Command, table?: Table): Command {
  return addListOptions(
    command
      .option('--from <time>', 'transitions at or after this time')
      .option('--to <time>', 'transitions before this time')
      .addOption(new Option('--was <status>', 'only from this status').choices(statusWords))
      .addOption(new Option('--became <status>', 'only to this status').choices(statusWords))
      .addOption(new Option('--reason <code>', 'only with this reason').choices(reasonCodes)),
    table,
  )
}

export function historyQuery(options: HistoryOptions, now: number) {
  const { was, became, reason } = options
  const words = { statusFrom: was, statusTo: became, reason }
  return { ...pageQuery(options), ...words, ...parsePeriod(options, now) }
}
