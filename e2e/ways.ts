// What stands between devices and a server in the world, as Debian has it: nginx and HAProxy that end
// TLS, a proxy that wants credentials, and certificates of a private authority.

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { findProgram, freePort } from '../tools/services.ts'

export type Way = AsyncDisposable & { url: string; said(): string }

export const proxies = ['nginx', 'haproxy', 'tinyproxy'] as const
export const skipWithout = (name: (typeof proxies)[number]) =>
  findProgram(name) ? false : `${name} is not installed: apt-get install ${name}`

/** Makes an authority of this name, and certificates of it for 127.0.0.1 and for a device. */
export function makeAuthority(folder: string, name = 'Private CA') {
  const file = (name: string) => join(folder, name)
  const openssl = (...words: string[]) =>
    execFileSync('openssl', words, { stdio: ['ignore', 'ignore', 'pipe'] })
  const make = (name: string, subject: string, ...more: string[]) =>
    openssl(
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
      ...['-days', '2', '-subj', `/CN=${subject}`],
      ...['-keyout', file(`${name}.key`), '-out', file(`${name}.pem`), ...more],
    )
  const signed = ['-CA', file('ca.pem'), '-CAkey', file('ca.key')]
  make('ca', name)
  make('server', '127.0.0.1', ...signed, '-addext', 'subjectAltName=IP:127.0.0.1')
  make('device', 'a device', ...signed, '-addext', 'extendedKeyUsage=clientAuth')
  const both = ['server.pem', 'server.key'].map((name) => readFileSync(file(name), 'utf8'))
  writeFileSync(file('server.both.pem'), both.join(''))
  return { caFile: file('ca.pem'), file }
}

export type Authority = ReturnType<typeof makeAuthority>
type Front = { folder: string; to: number; authority: Authority }

/** nginx with TLS; with `asksDevices`, only for those with a certificate of the authority. */
export async function openNginx(
  { folder, to, authority: { file } }: Front,
  { asksDevices = false } = {},
): Promise<Way> {
  const port = await freePort()
  const own = join(folder, `nginx-${port}`)
  mkdirSync(own)
  const asking = `ssl_client_certificate ${file('ca.pem')}; ssl_verify_client on;`
  writeFileSync(
    join(own, 'nginx.conf'),
    `daemon off; worker_processes 1; pid ${own}/pid; error_log stderr; user root;
events {}
http {
  access_log off;
  client_body_temp_path ${own}/body; proxy_temp_path ${own}/proxy;
  fastcgi_temp_path ${own}/f; uwsgi_temp_path ${own}/u; scgi_temp_path ${own}/s;
  map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate ${file('server.pem')}; ssl_certificate_key ${file('server.key')};
    ${asksDevices ? asking : ''}
    location / {
      proxy_pass http://127.0.0.1:${to};
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_read_timeout 20s;
    }
  }
}
`,
  )
  return start('nginx', ['-p', own, '-c', join(own, 'nginx.conf')], port, 'https')
}

export async function openHaproxy({ folder, to, authority: { file } }: Front): Promise<Way> {
  const port = await freePort()
  const path = join(folder, `haproxy-${port}.cfg`)
  writeFileSync(
    path,
    `defaults
  mode http
  timeout connect 5s
  timeout client 20s
  timeout server 20s
  timeout tunnel 20s
listen outside
  bind 127.0.0.1:${port} ssl crt ${file('server.both.pem')} alpn http/1.1
  option forwardfor
  server muster 127.0.0.1:${to}
`,
  )
  return start('haproxy', ['-f', path, '-db'], port, 'https')
}

/** An HTTP proxy that lets connections through for one user. */
export async function openTinyproxy(folder: string, user: string, password: string): Promise<Way> {
  const port = await freePort()
  const path = join(folder, `tinyproxy-${port}.conf`)
  writeFileSync(
    path,
    `Port ${port}
Listen 127.0.0.1
Timeout 600
MaxClients 50
BasicAuth ${user} ${password}
LogLevel Connect
`,
  )
  return start('tinyproxy', ['-d', '-c', path], port, 'http')
}

async function start(
  name: (typeof proxies)[number],
  words: string[],
  port: number,
  scheme: 'http' | 'https',
): Promise<Way> {
  const child = spawn(findProgram(name)!, words, { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (piece: string) => {
      said = (said + piece).slice(-100_000)
    })
  while (!(await listens(port))) {
    if (child.exitCode !== null) throw new Error(`${name} did not start:\n${said}`)
    await wait(50)
  }
  return {
    url: `${scheme}://127.0.0.1:${port}`,
    said: () => said,
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode) return
      child.kill('SIGTERM')
      await once(child, 'exit')
    },
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
