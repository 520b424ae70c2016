// The topics of help that belong to no single command. Tables come from where the program itself has
// them, and the examples of filters are read by the parser before they are printed.

import { columns } from '@muster/core/device-columns.ts'
import { parseFilter } from '@muster/core/device-filter-parser.ts'
import { environmentTopic, exitCodesTopic, statusesTopic } from './help.ts'
import { renderRows } from './view/card.ts'
import type { Look } from './view/text.ts'

const filters = {
  'status = disconnected': 'nobody can reach it',
  'status in (disconnected, reduced-functionality)': 'something is wrong with it',
  'tag.site = "north" and not tag.floor exists': 'by tags',
  'lastContact > -24h': 'heard in the last 24 hours',
  'since < -7d and status != operational': 'not well for a week',
  'name begins gate or name ~ "*-north"': 'by name; * is any text',
  'fact.cpu_temp >= 80': 'by what devices report of themselves',
}

function filtersTopic(look: Look): string {
  const examples = Object.entries(filters).map(([text, meaning]): [string, string] => {
    parseFilter(text)
    return [text, meaning]
  })
  const kinds = Object.entries(columns).map(([name, { title, kind }]): [string, string] => [
    name,
    `${title} (${kind})`,
  ])
  const families: [string, string][] = [
    ['tag.<key>', 'A tag (text)'],
    ['fact.<name>', 'What devices report, such as fact.os_version or fact.cpu_temp'],
  ]
  return [
    'Filters choose devices in `muster device list --filter` and in saved views:',
    '',
    ...renderRows(examples, look, 2),
    '',
    '`not` binds the closest, then `and`, then `or`; brackets group. In a shell, put the whole filter',
    'in single quotes. Instants are -90s, -15m, -24h, -7d, -2w, now, a date, a date and time.',
    '',
    'Columns:',
    '',
    ...renderRows([...kinds, ...families], look, 2),
  ].join('\n')
}

function profilesTopic(look: Look): string {
  const rows: [string, string][] = [
    ['muster login', 'makes or renews a profile, which becomes the current one'],
    ['muster profile add', 'makes one more; the current one stays'],
    ['muster profile use', 'makes another the current one'],
    ['--profile', 'uses another for this one command; so does MUSTER_PROFILE'],
    ['--organization', 'works in another organization of the same server, for this one command'],
  ]
  return [
    'A profile is a server, who is signed in there, and perhaps an organization. They are kept in',
    '$XDG_CONFIG_HOME/muster/config.json (else ~/.config), which only its owner may read:',
    '',
    ...renderRows(rows, look, 2),
    '',
    'What is decided last is the strongest: the profile, then the environment (MUSTER_SERVER,',
    'MUSTER_TOKEN, MUSTER_ORGANIZATION), then the options. The token of a profile is sent only to the',
    'server of that profile, whatever MUSTER_SERVER says.',
  ].join('\n')
}

function outputTopic(look: Look): string {
  const rows: [string, string][] = [
    ['a terminal', 'tables that fit its width, colours, symbols, times as "4 min ago"'],
    ['a file or a pipe', 'the same, with nothing cut, no colours and no symbols'],
    ['--json', "the API's own JSON; errors as problem+json on standard error"],
    ['--columns a,b', 'these columns in this order; --wide all; --no-headers no titles'],
    ['--all', 'every page of a list, not the first alone'],
    ['--watch', 'keeps a view live; in a pipe a line per change, with --json an object a line'],
    ['--quiet', 'the answer alone: no notes, no progress'],
    ['--color', 'auto, always or never; NO_COLOR and FORCE_COLOR decide for auto'],
  ]
  return [
    'The answer goes to standard output; notes, questions, progress and errors to standard error.',
    '',
    ...renderRows(rows, look, 2),
    '',
    'With --json nothing is ever asked: what would ask for a yes needs --yes.',
  ].join('\n')
}

export const topics: Record<string, { summary: string; render(look: Look): string }> = {
  'exit-codes': { summary: 'what the exit codes mean', render: exitCodesTopic },
  environment: { summary: 'the variables that muster reads', render: environmentTopic },
  statuses: { summary: 'the eight statuses of a device', render: statusesTopic },
  filters: { summary: 'how to choose devices', render: filtersTopic },
  profiles: { summary: 'several servers and organizations', render: profilesTopic },
  output: { summary: 'tables, JSON, colours, live views', render: outputTopic },
}
