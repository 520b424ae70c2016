// docs/reference/errors.md: the registry of errors and the exit codes, printed from their tables.

import { errorCodes, errors, exitCodes } from '../packages/core/src/errors.ts'
import { code, generatedFrom, tableOf } from './markdown.ts'

const exitMeanings = {
  ok: 'It was done.',
  failed: 'The server failed, or something that has no code of its own.',
  usage: 'The command, the request or the configuration is not valid.',
  notFound: 'There is no such thing.',
  refused: 'The credentials are missing, wrong, or do not allow it.',
  conflict: 'What is there already does not allow it.',
  unreachable: 'The server or its database cannot be reached now; try again later.',
} as const satisfies Record<keyof typeof exitCodes, string>

export function errorsPage(): string {
  return `# Errors

${generatedFrom('packages/core/src/errors.ts')}

Every refusal has a code. The API answers with RFC 9457 problem details
(\`application/problem+json\`): \`code\`, \`title\`, \`status\`, \`advice\`, and a \`detail\` where there is more to
say of this very request. The command line prints title, detail and advice, and ends with the exit code.

${tableOf(
  ['Code', 'HTTP', 'Exit', 'What happened', 'What to do'],
  errorCodes.map((one) => {
    const { http, exit, title, advice } = errors[one]
    return [code(one), String(http), String(exit), title, advice]
  }),
)}

## Exit codes

${tableOf(
  ['Exit', 'When'],
  Object.entries(exitMeanings).map(([name, meaning]) => [
    String(exitCodes[name as keyof typeof exitCodes]),
    meaning,
  ]),
)}
`
}
