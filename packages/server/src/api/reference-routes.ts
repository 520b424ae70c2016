// `/docs`: the reference of this very server, and the two files that it looks and searches with.

import { readFileSync } from 'node:fs'
import type { FastifyInstance } from 'fastify'
import { type OpenApiDocument, referencePage } from './reference/page.ts'

/** Nothing from elsewhere, nothing inline, in nobody's frame. */
const policy =
  "default-src 'none'; style-src 'self'; script-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
const headers = {
  'content-security-policy': policy,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-cache',
}

export function registerReference(app: FastifyInstance, loadDocument: () => unknown): void {
  let page: string | undefined
  const files = {
    '/docs': { type: 'text/html', read: () => (page ??= referencePage(documentOf(loadDocument))) },
    '/docs/page.css': { type: 'text/css', read: () => fileOf('page.css') },
    '/docs/page.js': { type: 'text/javascript', read: () => fileOf('page.js') },
  }
  for (const [path, { type, read }] of Object.entries(files))
    app.get(path, { schema: { hide: true } }, async (_request, reply) =>
      reply
        .headers(headers)
        .type(`${type}; charset=utf-8`)
        .serializer((said: string) => said)
        .send(read()),
    )
}

/** As it is answered with: without what is undefined. */
function documentOf(load: () => unknown): OpenApiDocument {
  return JSON.parse(JSON.stringify(load()))
}

function fileOf(name: string): string {
  return readFileSync(new URL(`./reference/${name}`, import.meta.url), 'utf8')
}
