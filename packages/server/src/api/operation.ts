// What an operation is called in the audit log: by the nouns of its path and a verb, such as
// `fleets.provisioning-keys.create`. Made from the route, so no route can be without one.

const verbs: Record<string, string> = {
  GET: 'read',
  POST: 'create',
  PUT: 'replace',
  PATCH: 'change',
  DELETE: 'delete',
}

/** Of a route such as `/api/v1/fleets/:slug/freeze`. */
export function operationOf(method: string, url: string): string {
  const words = url
    .replace(/^\/api\/v\d+\//, '')
    .split('/')
    .filter((word) => word !== '' && !word.startsWith(':') && word !== '*')
  const last = words.at(-1) ?? ''
  // `POST …/freeze` is a verb by itself; `POST …/fleets` makes one of them.
  const isVerb = method === 'POST' && !last.endsWith('s')
  return [...words, ...(isVerb ? [] : [verbs[method] ?? method.toLowerCase()])].join('.')
}

const nouns: Record<string, string> = { slug: 'fleet', uuid: 'device' }

/** What the path names, such as `fleet kiosks`, or what an answer says was made. */
export function targetOf(
  url: string,
  params: Readonly<Record<string, unknown>>,
  answer: unknown,
): string | null {
  const named = Object.keys(params).at(-1)
  const made = madeIn(answer)
  const last = lastNoun(url)
  const isThing = last.endsWith('s') || last === 'organization'
  if (named === undefined) return made && isThing ? `${singular(last)} ${made}` : null
  const id = String(params[named])
  const ownNoun = singular(nounBefore(url, named))
  const target = `${nouns[named] ?? ownNoun} ${made?.startsWith(id) ? made : id}`
  // `POST /fleets/:slug/provisioning-keys` makes one of its own.
  const inner = url.endsWith(`:${named}`) ? null : last
  return inner?.endsWith('s') && made && !target.endsWith(made)
    ? `${singular(inner)} ${made}`
    : target
}

/** Of an answer, what the thing in it is called. */
function madeIn(answer: unknown): string | null {
  if (typeof answer !== 'object' || answer === null) return null
  const { device } = answer as { device?: unknown }
  const named = (typeof device === 'object' && device !== null ? device : answer) as {
    [field: string]: unknown
  }
  const id = named.uuid ?? named.slug ?? named.id ?? named.email
  return typeof id === 'string' || typeof id === 'number' ? String(id) : null
}

function lastNoun(url: string): string {
  return url.split('/').findLast((word) => !word.startsWith(':'))!
}

function nounBefore(url: string, param: string): string {
  const words = url.split('/')
  return words[words.indexOf(`:${param}`) - 1] ?? ''
}

function singular(noun: string): string {
  return noun.replace(/s$/, '')
}

/** Whether a request only looks. */
export function isRead({ method }: { method: string }): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS'
}
