// What somebody sees who asked for the page of a device and gets none: what is wrong, since when, and
// what to do. Programs get the same as problem details.

import type { IncomingMessage } from 'node:http'
import { errors, problemOf, type Refusal } from '@muster/core/errors.ts'

export type Page = { status: number; headers: Record<string, string>; body: string }

export function refusalPage({ headers, url }: IncomingMessage, refusal: Refusal): Page {
  const { code, detail, retryAfterMs } = refusal
  const { http: status, title, advice } = errors[code]
  const isForPerson = /\btext\/html\b/.test(headers.accept ?? '')
  const body = isForPerson
    ? html(`${title}`, [detail, advice])
    : JSON.stringify(problemOf(code, detail, (url ?? '/').split('?')[0]))
  const type = isForPerson ? 'text/html' : 'application/problem+json'
  return {
    status,
    body,
    headers: {
      'content-type': `${type}; charset=utf-8`,
      'content-length': String(Buffer.byteLength(body)),
      'cache-control': 'no-store',
      'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
      'x-content-type-options': 'nosniff',
      ...(retryAfterMs === undefined
        ? {}
        : { 'retry-after': String(Math.ceil(retryAfterMs / 1_000)) }),
      ...(status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
    },
  }
}

function html(title: string, lines: readonly (string | undefined)[]): string {
  const said = lines.filter((line) => line !== undefined && line !== '')
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>${escaped(title)}</title>
<style>body{font:1.1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:15vh auto;padding:0 1rem}</style>
<h1>${escaped(title)}</h1>
${said.map((line) => `<p>${escaped(line!)}</p>`).join('\n')}
`
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (one) => `&#${one.charCodeAt(0)};`)
}
