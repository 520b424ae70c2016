// docs/reference/configuration.md: the settings of the server, printed from the table that reads them.

import { configFileSetting, settings } from '../packages/server/src/config.ts'
import { code, generatedFrom, tableOf } from './markdown.ts'

export function configurationPage(): string {
  return `# Configuration of the server

${generatedFrom('packages/server/src/config.ts')}

Settings come from the environment. The same names, one \`NAME=value\` a line, may be in the file that
\`${configFileSetting}\` names; the environment is stronger. A wrong value, or a name in the file that is
none, stops the start with every mistake listed at once. An empty value is no value.

${tableOf(
  ['Setting', 'A value is', 'When it is unset', 'What it is for'],
  Object.entries(settings).map(([name, { form, unset, about }]) => [
    code(name),
    form,
    unset,
    about,
  ]),
)}

What people set per fleet and per device (interval and grace of the heartbeat, cloudlink on or off) is
policy and not configuration: \`muster fleet edit --help\`.
`
}
