// What an act changed, as the audit log says it: of what was sent, the fields that the API itself shows,
// with their values before and after as it shows them. Of a field that nobody can read back (a password,
// a code) only the name is said; so a secret cannot get into the log, whatever routes there will be.

type Fields = Readonly<Record<string, unknown>>

const maxValueLength = 200
const maxFields = 50
/** Shown once in an answer, or sent: never repeated here. */
const secret = /password|secret|token|code|otp|^key$|Key$/i

/** `before` and `after` are views of the same thing; null where there is none. */
export function changesOf(sent: unknown, before: unknown, after: unknown): Fields {
  if (!isFields(sent)) return {}
  const shown = isFields(after) && isFields(after.device) ? after.device : after
  const changes = Object.keys(sent)
    .slice(0, maxFields)
    .map((field) => [field, changeOf(field, sent[field], before, shown)])
  return Object.fromEntries(changes.filter(([, change]) => change !== undefined))
}

function changeOf(field: string, sent: unknown, before: unknown, after: unknown): unknown {
  const isShown = isFields(after) && Object.hasOwn(after, field) && !secret.test(field)
  if (!isShown) return sent === undefined ? undefined : 'given'
  const to = after[field]
  if (!isFields(before)) return short(to)
  const from = before[field]
  if (isFields(from) && isFields(to)) return innerChangesOf(from, to)
  return JSON.stringify(from) === JSON.stringify(to)
    ? undefined
    : { from: short(from), to: short(to) }
}

/** Of tags, or the limits of a policy: those that differ. */
function innerChangesOf(from: Fields, to: Fields): Fields | undefined {
  const keys = [...new Set([...Object.keys(from), ...Object.keys(to)])]
  const differing = keys.filter((key) => JSON.stringify(from[key]) !== JSON.stringify(to[key]))
  if (differing.length === 0) return undefined
  return Object.fromEntries(
    differing
      .slice(0, maxFields)
      .map((key) => [key, { from: short(from[key]), to: short(to[key]) }]),
  )
}

function short(value: unknown): unknown {
  if (value === undefined) return null
  if (typeof value !== 'string' && isPlain(value)) return value
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  if (text.length > maxValueLength) return `${text.slice(0, maxValueLength)}…`
  return value
}

function isPlain(value: unknown): boolean {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value)
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
