// docs/reference/rights.md: the roles, and who may do what, printed from the table that the server
// enforces.

import {
  type Right,
  rightNames,
  rightScopes,
  rights,
  roles,
  roleTitles,
} from '../packages/core/src/rights.ts'
import { code, generatedFrom, tableOf } from './markdown.ts'

export function rightsPage(): string {
  return `# Rights

${generatedFrom('packages/core/src/rights.ts')}

A member has a role in the organization, and may have another one, higher or lower, on single fleets of it. Who
has a role on single fleets only sees those fleets and nothing else of the organization.
[Organizations](../guides/organizations.md) tells how members come in and how roles are given.

${tableOf(
  ['Role', 'What it is for'],
  roles.map((role) => [code(role), roleTitles[role]]),
)}

## Who may do what

A refusal names the right that is missing (\`forbidden\`). What may not even be seen is answered as what does not
exist (\`device-not-found\`, \`fleet-not-found\`, \`organization-not-found\`).

${tableOf(
  ['Right', 'What it allows', ...roles.map((role) => `${role}`), 'Asked about'],
  rightNames.map((right) => [
    code(right),
    rights[right].title,
    ...roles.map((role) => mark(right, role)),
    rights[right].scope,
  ]),
)}

${Object.entries(rightScopes)
  .map(([scope, meaning]) => `- **${scope}**: ${meaning}.`)
  .join('\n')}

Administrators of the server are no members by that: they set plans and see how much of them is used, and see no
device of an organization that they do not belong to.
`
}

function mark(right: Right, role: (typeof roles)[number]): string {
  return (rights[right].roles as readonly string[]).includes(role) ? 'yes' : ''
}
