import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer as createHttp } from 'node:http'
import { createServer as createHttps } from 'node:https'
import type { AddressInfo, Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { exitCodes } from '@muster/core/errors.ts'
import { run, serveApi } from './fixtures.ts'

async function openPort(http: Server) {
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  return {
    port: (http.address() as AddressInfo).port,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => http.close(() => resolve())),
  }
}

/** A certificate for a name, valid from and for as long as openssl is told. */
async function createCertificate(name: string, ...validity: string[]) {
  const folder = await mkdtemp(join(tmpdir(), 'muster-cert-'))
  const files = { key: join(folder, 'key.pem'), cert: join(folder, 'cert.pem') }
  const about = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`]
  const made = ['-newkey', 'rsa:2048', '-nodes', '-keyout', files.key, '-out', files.cert]
  execFileSync('openssl', ['req', '-x509', ...made, ...about, ...validity], { stdio: 'ignore' })
  const pair = { key: await readFile(files.key), cert: await readFile(files.cert) }
  await rm(folder, { recursive: true })
  return pair
}

const ask = async (server: string) =>
  await run(['whoami'], { env: { MUSTER_SERVER: server, MUSTER_TOKEN: 'x' } })

describe('what keeps a server from being reached is said in words', () => {
  test('nobody listens', async () => {
    const free = await openPort(createHttp())
    await free[Symbol.asyncDispose]()
    const { exit, err } = await ask(`http://127.0.0.1:${free.port}`)
    assert.equal(exit, exitCodes.unreachable)
    assert.ok(err.includes(`127.0.0.1:${free.port}`))
    assert.match(err, /Nothing listens there/)
  })

  test('a name that nobody has', async () => {
    assert.match(
      (await ask('https://muster.invalid')).err,
      /muster\.invalid[\s\S]*(No such name|Names cannot)/,
    )
  })

  test('a certificate that is self-signed', async () => {
    const pair = await createCertificate('localhost', '-days', '2')
    await using at = await openPort(createHttps(pair))
    const { err } = await ask(`https://localhost:${at.port}`)
    assert.match(err, /self-signed[\s\S]*NODE_EXTRA_CA_CERTS/)
  })

  test('http where TLS is spoken, and https where it is not', async () => {
    const pair = await createCertificate('localhost', '-days', '2')
    await using secure = await openPort(createHttps(pair))
    assert.match((await ask(`http://127.0.0.1:${secure.port}`)).err, /wants https/)
    await using plain = await openPort(createHttp())
    assert.match((await ask(`https://127.0.0.1:${plain.port}`)).err, /try http:/)
  })

  test('a page in the place of an API, and a redirect', async () => {
    const pages = createHttp((req, res) => {
      if (req.headers['user-agent']?.includes('muster'))
        res.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Welcome to the hotel</h1>')
    })
    await using hotel = await openPort(pages)
    assert.match((await ask(`http://127.0.0.1:${hotel.port}`)).err, /sign-in page of a network/)
    const moved = createHttp((_req, res) =>
      res.writeHead(301, { location: 'https://muster.example.org/' }).end(),
    )
    await using elsewhere = await openPort(moved)
    const { err } = await ask(`http://127.0.0.1:${elsewhere.port}`)
    assert.match(err, /redirects to https:\/\/muster\.example\.org\/[\s\S]*muster login --server/)
  })
})

test('a token that is not taken is named by where it came from', async () => {
  await using api = await serveApi({ 'GET /whoami': { problem: 'unauthenticated' } })
  assert.match((await api.run(['whoami'])).err, /the token of MUSTER_TOKEN/)
  const nobody = { env: { MUSTER_TOKEN: undefined } }
  assert.match((await api.run(['whoami'], nobody)).err, /Nobody is signed in at/)
})

test('what was probably meant is asked', async () => {
  const cases: [args: string[], words: RegExp][] = [
    [['devise', 'list'], /Did you mean device\?/],
    [['device', 'list', '--flet', 'x'], /Did you mean --fleet\?/],
    [['device', 'list', '--status', 'frozn'], /Did you mean frozen\?/],
    [['device', 'history', 'x', '--was', 'frozn'], /Did you mean frozen\?/],
    [['device', 'list', '--sort', 'nam'], /Did you mean name\?/],
    [['device', 'list', '--filter', 'statu = frozen'], /did you mean status\?$/m],
    [['help', 'filterz'], /did you mean filters\?/],
  ]
  for (const [args, words] of cases) {
    const { exit, err } = await run(args)
    assert.equal(exit, exitCodes.usage)
    assert.match(err, words)
  }
})
