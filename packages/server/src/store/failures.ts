// What a database says when it refuses or fails, in its own codes, told apart here and nowhere else.

type Failure = { code?: unknown; errcode?: unknown; message?: unknown }

/** SQLite's extended codes for a unique index and for a primary key. */
const sqliteUnique = [2067, 1555]
const sqliteForeignKey = 787
/** SQLite's primary codes that another attempt may overcome: busy, locked, I/O, full, cannot open. */
const sqlitePassing = [5, 6, 10, 13, 14]

export function isUniqueViolation(error: unknown): boolean {
  const { code, errcode } = failureOf(error)
  return code === '23505' || sqliteUnique.includes(errcode as number)
}

export function isForeignKeyViolation(error: unknown): boolean {
  const { code, errcode } = failureOf(error)
  return code === '23503' || errcode === sqliteForeignKey
}

/** PostgreSQL's codes for a character, and for numbers that are too large or hugely so (`1e+308`). */
const unholdable = ['22021', '22P05', '22003', '22P02']

/** Whether it was given a value that it cannot hold. */
export function isUnholdable(error: unknown): boolean {
  return unholdable.includes(failureOf(error).code as string)
}

/** Whether the database could not be reached or could not work, rather than refuse what it was told. */
export function isStoreFailure(error: unknown): boolean {
  const { code, errcode, message } = failureOf(error)
  if (typeof errcode === 'number') return sqlitePassing.includes(errcode & 0xff)
  if (typeof code === 'string' && /^(?:08|53|57P|58|25006)/.test(code)) return true
  if (typeof code === 'string' && networkCodes.has(code)) return true
  return typeof message === 'string' && lostConnection.test(message)
}

const networkCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
])

/** What `pg` and our SQLite thread say without a code. */
const lostConnection =
  /^(?:Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|the SQLite thread has ended)/

function failureOf(error: unknown): Failure {
  return typeof error === 'object' && error !== null ? (error as Failure) : {}
}
