// What help says beyond the options: examples under each command, and the tables of topics.ts that
// come from the registries. Exit codes come from the registry, so what is printed is what is returned.

import { errorCodes, errors, exitCodes, exitMeanings } from '@muster/core/errors.ts'
import { statuses } from '@muster/core/statuses.ts'
import type { Command } from 'commander'
import { renderRows } from './view/card.ts'
import type { Look } from './view/text.ts'

export type Example = [line: string, meaning: string]

/** What is known of a command beyond what its parser needs. */
export type Described = Command & { examples?: readonly Example[] }

/** Examples under the help of a command: what to type, and what it does. */
export function examples(command: Described, ...rows: Example[]): Command {
  command.examples = rows
  const lines = rows.map(([line, meaning]) => `  $ ${line}\n      ${meaning}`)
  return command.addHelpText('after', `\nExamples:\n${lines.join('\n')}`)
}

export const times =
  'Times are 14:05, 2026-01-31, 2026-01-31T14:05 (of this machine; a zone may follow), epoch ms, ' +
  'now, or a duration such as 90s, 15m, 2h or 7d before now.'

export const deviceWord = 'its uuid, at least seven digits that begin its uuid, or its exact name'

export function exitCodesTopic(look: Look): string {
  const rows = Object.entries(exitCodes).flatMap(([name, code]): [string, string][] => {
    const causes = errorCodes.filter((error) => errors[error].exit === code)
    const meaning = exitMeanings[name as keyof typeof exitCodes]
    return [
      [String(code), meaning],
      ...(causes.length > 0 ? [['', `(${causes.join(', ')})`] as [string, string]] : []),
    ]
  })
  rows.push(['130', 'Stopped by Ctrl-C.'])
  return ['Exit codes of muster, each with the error codes that lead to it:', '']
    .concat(renderRows(rows, look, 2))
    .join('\n')
}

export function environmentTopic(look: Look): string {
  const rows: [string, string][] = [
    ['MUSTER_SERVER', 'The address of the server; stronger than the profile.'],
    [
      'MUSTER_TOKEN',
      'The token to use; stronger than the profile. Without it the token of the profile is used, and only with the server that it was given for.',
    ],
    ['MUSTER_PROFILE', 'The profile to use instead of the current one; --profile is stronger.'],
    [
      'MUSTER_ORGANIZATION',
      'The organization to work in, by its slug; stronger than the profile, weaker than --organization.',
    ],
    ['MUSTER_PASSWORD', 'The password, wherever it is asked for.'],
    ['MUSTER_TOTP', 'The code of the second factor for `muster login`, instead of asking for it.'],
    ['MUSTER_NEW_PASSWORD', 'The new password for `muster password`, instead of asking for it.'],
    ['XDG_CONFIG_HOME', 'The folder of muster/config.json, where profiles are kept; ~/.config.'],
    ['XDG_CACHE_HOME', 'The folder where completion remembers names for a minute; ~/.cache.'],
    ['NO_COLOR', 'Anything: no colour. --color is stronger.'],
    ['FORCE_COLOR', 'Anything but 0: colour where there is no terminal; 0: none.'],
    ['TZ', 'The zone of times that are shown.'],
    [
      'NODE_EXTRA_CA_CERTS',
      'A file of certificates to trust, for a server with its own authority.',
    ],
  ]
  return ['Environment of muster:', ''].concat(renderRows(rows, look, 2)).join('\n')
}

export function statusesTopic(look: Look): string {
  const rows = Object.entries(statuses).flatMap(([word, { when, meaning }]): [string, string][] => [
    [word, when],
    ['', meaning],
  ])
  return ['The eight statuses; the first that applies is the status of a device:', '']
    .concat(renderRows(rows, look, 2))
    .join('\n')
}
