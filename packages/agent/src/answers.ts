// What an answer of the server, or the lack of one, means to the agent. Pure. A frozen device is in
// contact: its heartbeat was taken, so it keeps its pace instead of backing off.

import type { ErrorCode, Problem } from '@muster/core/errors.ts'
import { explainFailure } from './failures.ts'
import { retryAfterFrom } from './pace.ts'
import type { Answer } from './transport.ts'

export type Outcome =
  | { kind: 'ok' }
  | { kind: 'frozen'; text: string }
  | {
      kind: 'refused'
      httpStatus: number
      code: ErrorCode | null
      text: string
      retryAfterMs: number | null
    }
  | { kind: 'unreachable'; code: string; text: string; retryAfterMs: null }

export type Failure = Extract<Outcome, { kind: 'refused' | 'unreachable' }>

export function judgeAnswer(answer: Answer): Outcome {
  const { status, headers } = answer
  if ((status >= 200 && status < 300) || status === 304) return { kind: 'ok' }
  const problem = problemIn(answer)
  const text = problem ? wordsOf(problem.title, problem.detail) : `the server answered ${status}`
  if (problem?.code === 'device-frozen') return { kind: 'frozen', text }
  return {
    kind: 'refused',
    httpStatus: status,
    code: problem?.code ?? null,
    text: problem?.advice ? `${text}. ${wordsOf(problem.advice)}` : text,
    retryAfterMs: status === 429 || status === 503 ? retryAfterFrom(headers['retry-after']) : null,
  }
}

/** A 200 that is not what it should be: a captive portal, a proxy's page, another program. */
export function notOurAnswer(text: string): Failure {
  return { kind: 'refused', httpStatus: 200, code: null, text, retryAfterMs: null }
}

export function judgeFailure(error: unknown): Outcome {
  const code = (error as { code?: unknown } | null)?.code
  return {
    kind: 'unreachable',
    code: typeof code === 'string' ? code : 'UNKNOWN',
    text: explainFailure(error),
    retryAfterMs: null,
  }
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Whoever answers may say anything: it is to fit in one line of the log and bring no escapes. */
function wordsOf(...parts: unknown[]): string {
  const words = parts.filter((part) => typeof part === 'string' && part !== '')
  return words
    .join(': ')
    .replace(/[^\x20-\x7e\xa0-\uffff]+/g, ' ')
    .slice(0, 300)
}

function problemIn({ body }: Answer): Partial<Problem> | null {
  const problem = parseJson(body)
  return isRecord(problem) && typeof problem.title === 'string' ? problem : null
}
