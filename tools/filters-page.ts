// docs/reference/filters.md: the columns of a device with what each takes, printed from their table, and
// the grammar by examples, each of which is read here, so that none of them can be wrong.

import { type Column, columnOf, columns, hostFacts } from '../packages/core/src/device-columns.ts'
import { operatorsOf, printFilter } from '../packages/core/src/device-filter.ts'
import { parseFilter, readFilter } from '../packages/core/src/device-filter-parser.ts'
import { code, generatedFrom, tableOf } from './markdown.ts'

const examples = {
  'status = disconnected': 'Nobody can reach it.',
  'status in (disconnected, reduced-functionality)': 'Something is wrong with it.',
  'status = disconnected and tag.site = "north"': 'At one site.',
  'lastContact > -24h': 'Online in the last 24 hours.',
  'since < -7d and not status = operational': 'Not well for a week.',
  'name begins gate': 'The name begins so, in upper or lower case.',
  'name ~ "gate-*-north"': 'A pattern: `*` is any text, `\\*` a star.',
  'fact.os_version !~ "Debian 12*"': 'Not on that release, or it never said.',
  'fact.cpu_temp >= 80': 'A number that devices report.',
  'tag."door code" exists': 'A tag whose key is not a plain word.',
  'reason = heartbeat-late or reason = stalled': 'A device may have several reasons.',
  'created >= 2026-01-31 and active = false': 'A date is midnight UTC.',
} as const

const mistakes = ['statu = frozen', 'status = gone', 'since > yesterday', '(name = gate']

const kinds = {
  text: 'a text, in double quotes where it is more than a word',
  word: 'one of its words',
  instant: '`-90s`, `-15m`, `-24h`, `-7d`, `-2w` (before now), `now`, a date, a date and time',
  number: 'a number',
  truth: '`true` or `false`',
} as const satisfies Record<Column['kind'], string>

export function filtersPage(): string {
  return `# Filters, columns and orders

${generatedFrom('packages/core/src/device-columns.ts')}

A filter says which devices a list has. It is the same in the API (\`GET /api/v1/devices?filter=…\`), on the
command line (\`muster device list --filter …\`) and in saved views.

${tableOf(
  ['Filter', 'Which devices'],
  Object.entries(examples).map(([text, meaning]) => [code(printed(text)), meaning]),
)}

\`not\` binds the closest, then \`and\`, then \`or\`; brackets group. \`contains\` and \`begins\` are other words for
a pattern. A device without a value equals nothing and differs from everything: \`tag.site != "north"\` also
finds devices without that tag. Names, uuids and addresses compare without regard to upper and lower case of
ASCII; all other texts compare exactly.

## What each kind of column takes

${tableOf(
  ['Kind', 'Operators', 'Values'],
  Object.entries(operatorsOf).map(([kind, operators]) => [
    kind,
    operators.map(code).join(' '),
    kinds[kind as Column['kind']],
  ]),
)}

## Columns

${tableOf(
  ['Column', 'Title', 'Kind', 'Sort'],
  [
    ...Object.keys(columns),
    'tag.<key>',
    ...Object.keys(hostFacts).map((fact) => `fact.${fact}`),
  ].map((name) => {
    const { title, kind, sort } = columnOf(name)!
    return [code(name), title.replace(/^Tag .*/, 'A tag'), kind, sorts[sort ?? 'no']]
  }),
)}

A list may be sorted by each column that says so; \`-\` before it turns the order round. Devices without the value
come last. Columns with "few" sort the devices that a filter leaves where it leaves few of them; otherwise the
refusal is \`sort-too-wide\`.

## Mistakes

A filter that cannot be read is refused with \`invalid-filter\`, and the detail says where:

${tableOf(
  ['Filter', 'Detail'],
  mistakes.map((text) => [code(text), detailOf(text)]),
)}
`
}

const sorts = { any: 'yes', small: 'few', no: '' }

function printed(text: string): string {
  printFilter(parseFilter(text))
  return text
}

function detailOf(text: string): string {
  const read = readFilter(text)
  if (!('mistake' in read)) throw new Error(`${text} is no mistake`)
  const { at, what, advice } = read.mistake
  return `at character ${at + 1}: ${what}; ${advice}`.replaceAll('|', '\\|').replaceAll('<', '\\<')
}
