// The dashboard, handed out by the server itself from what `vite build` made. Its files are few and
// small, so they are kept in memory, compressed once. Their names carry hashes and are kept by browsers
// for good; the page is asked for each time, so that a new build shows at once after a restart.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { extname, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { gzipSync } from 'node:zlib'
import type { FastifyInstance, FastifyReply } from 'fastify'

const builtDir = pathToFileURL(`${resolve(import.meta.dirname, '../../../dashboard/dist')}/`)

/** The addresses of packages/dashboard/src/routes.tsx. */
const pages = ['/', '/fleets', '/devices', '/devices/:uuid']

/** Styles of single elements are set by scripts, which this allows; nothing inline, nothing foreign. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
const headers = {
  'content-security-policy': policy,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
}

const types: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
}

export function registerDashboard(app: FastifyInstance, dir: URL = builtDir): void {
  const index = new URL('index.html', dir)
  if (!existsSync(index)) {
    registerAbsence(app)
    return
  }
  for (const path of pages) serveFile(app, { path, file: index, cache: 'no-cache' })
  const assets = new URL('assets/', dir)
  for (const name of readdirSync(fileURLToPath(assets)))
    serveFile(app, {
      path: `/assets/${name}`,
      file: new URL(name, assets),
      cache: 'public, max-age=31536000, immutable',
    })
}

type Served = { path: string; file: URL; cache: string }

function serveFile(app: FastifyInstance, { path, file, cache }: Served): void {
  const plain = readFileSync(file)
  const zipped = gzipSync(plain, { level: 9 })
  const type = types[extname(file.pathname)] ?? 'application/octet-stream'
  app.get(path, { schema: { hide: true } }, async (request, reply) => {
    reply.headers({ ...headers, 'cache-control': cache, vary: 'accept-encoding' }).type(type)
    if (!/\bgzip\b/.test(request.headers['accept-encoding'] ?? '')) return reply.send(plain)
    return reply.header('content-encoding', 'gzip').send(zipped)
  })
}

/** A server alone works in full: it says what is missing, and what to do about it. */
function registerAbsence(app: FastifyInstance): void {
  const said =
    'This is a Muster server. Its dashboard is not built: npm run build -w packages/dashboard, and start the server again.\nThe API is described at /docs.\n'
  for (const path of pages)
    app.get(path, { schema: { hide: true } }, async (_request, reply: FastifyReply) =>
      reply
        .headers({ ...headers, 'cache-control': 'no-cache' })
        .type('text/plain; charset=utf-8')
        .serializer((text: string) => text)
        .send(said),
    )
}
