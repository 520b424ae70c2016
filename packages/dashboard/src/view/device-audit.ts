// What an entry of the audit log says beside its operation, in one line: `name: gate → north gate`. Every
// route has its own details, so whatever has no form that is known is shown as it is.

export function auditText(detail: Readonly<Record<string, unknown>>): string {
  return Object.entries(detail)
    .flatMap(([name, value]) => {
      const text = valueText(value)
      return text === '' ? [] : [`${name}: ${text}`]
    })
    .join(', ')
}

function valueText(value: unknown): string {
  if (value === null || value === undefined) return ''
  if (typeof value !== 'object') return String(value)
  if (Array.isArray(value)) return value.map(valueText).join(' ')
  const fields = value as Record<string, unknown>
  if ('from' in fields && 'to' in fields)
    return `${orNothing(fields.from)} → ${orNothing(fields.to)}`
  return auditText(fields)
}

const orNothing = (value: unknown): string => (value === '' ? '“”' : valueText(value) || '–')
