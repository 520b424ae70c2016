// docs/reference/errors.md: the registry of errors and the exit codes, printed from their tables.

import { errorCodes, errors, exitCodes, exitMeanings } from '../packages/core/src/errors.ts'
import { code, generatedFrom, tableOf } from './markdown.ts'

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
