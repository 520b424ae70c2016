import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Refusal } from '@muster/core/errors.ts'
import { readConfig, settings } from './config.ts'

const noFile = (): never => assert.fail('no file was named')

function mistakesOf(environment: Record<string, string>, file = ''): string[] {
  try {
    readConfig(environment, () => file)
  } catch (error) {
    assert.ok(error instanceof Refusal)
    assert.equal(error.code, 'invalid-configuration')
    return error.detail!.split('\n')
  }
  return []
}

test('with nothing set, everything has its default', () => {
  assert.deepEqual(readConfig({}, noFile), {
    port: 8080,
    host: null,
    dataDir: './data',
    databaseUrl: null,
    natsUrl: null,
    replicaAddress: null,
    publicUrl: null,
    deviceUrlDomain: null,
    tls: null,
    admin: { email: null, password: null, token: null },
    oidc: null,
    logLevel: 'info',
    auditKeptMs: null,
    requestsPerSecond: 100,
    trustProxy: false,
  })
})

test('every mistake is told at once, each with the name of its setting', () => {
  const mistakes = mistakesOf({
    MUSTER_PORT: '70000',
    MUSTER_HOST: 'http://x',
    MUSTER_DATABASE_URL: 'mysql://x',
    MUSTER_NATS_URL: 'localhost',
    MUSTER_PUBLIC_URL: 'muster.example.org',
    MUSTER_TLS_CERT: 'cert.pem',
    MUSTER_ADMIN_EMAIL: 'admin',
    MUSTER_ADMIN_PASSWORD: 'short',
    MUSTER_ADMIN_TOKEN: 'has a space',
    MUSTER_LOG_LEVEL: 'loud',
    MUSTER_TRUST_PROXY: 'perhaps',
  })
  const names = mistakes.map((mistake) => mistake.split(' ')[0])
  assert.deepEqual(names, [
    'MUSTER_PORT',
    'MUSTER_HOST',
    'MUSTER_DATABASE_URL',
    'MUSTER_NATS_URL',
    'MUSTER_PUBLIC_URL',
    'MUSTER_ADMIN_EMAIL',
    'MUSTER_ADMIN_PASSWORD',
    'MUSTER_ADMIN_TOKEN',
    'MUSTER_LOG_LEVEL',
    'MUSTER_TRUST_PROXY',
    'MUSTER_TLS_CERT',
  ])
  for (const mistake of mistakes) assert.equal(mistake.includes('has a space'), false)
})

test('the file says the same under the same names, and the environment outweighs it', () => {
  const file =
    '# ours\n\nMUSTER_PORT=9000\n MUSTER_DATA_DIR = "/var/lib/muster"\r\nMUSTER_LOG_LEVEL=warn\n'
  const config = readConfig({ MUSTER_CONFIG: 'muster.env', MUSTER_PORT: '9001' }, (path) => {
    assert.equal(path, 'muster.env')
    return file
  })
  assert.deepEqual(
    [config.port, config.dataDir, config.logLevel],
    [9001, '/var/lib/muster', 'warn'],
  )
})

test('a misspelt line of the file is a mistake, a variable of another program is none', () => {
  assert.deepEqual(mistakesOf({ MUSTER_CONFIG: 'f' }, 'MUSTER_PROT=1\nnonsense'), [
    'f, line 2: must be NAME=value',
    'MUSTER_PROT (f, line 1): there is no such setting',
  ])
  assert.deepEqual(mistakesOf({ MUSTER_AGENT_SERVER: 'x', MUSTER_PROT: '1' }), [])
})

test('a file that cannot be read is a mistake among the others', () => {
  const read = () => {
    throw new Error('no such file')
  }
  assert.throws(
    () => readConfig({ MUSTER_CONFIG: 'f', MUSTER_PORT: 'x' }, read),
    (error: Refusal) => /MUSTER_CONFIG: no such file\nMUSTER_PORT/.test(error.detail!),
  )
})

test('an empty value is no value, and proxies may be named', () => {
  assert.equal(readConfig({ MUSTER_PORT: '' }, noFile).port, 8080)
  const { trustProxy } = readConfig({ MUSTER_TRUST_PROXY: '10.0.0.0/8, ::1' }, noFile)
  assert.deepEqual(trustProxy, ['10.0.0.0/8', '::1'])
})

test('every setting says its form, its default and what it is about', () => {
  for (const [name, { form, unset, about }] of Object.entries(settings)) {
    assert.match(name, /^MUSTER_[A-Z_]+$/)
    assert.ok(form && unset && about.endsWith('.'), name)
  }
})

test('a provider of OpenID Connect is whole or a mistake, and plain HTTP is for this machine', () => {
  const oidc = {
    MUSTER_PUBLIC_URL: 'https://muster.example.org',
    MUSTER_OIDC_ISSUER: 'https://login.example.org/realm',
    MUSTER_OIDC_CLIENT_ID: 'muster',
    MUSTER_OIDC_CLIENT_SECRET: 'secret',
  }
  assert.equal(readConfig(oidc, noFile).oidc!.name, 'login.example.org')
  assert.equal(readConfig({}, noFile).oidc, null)
  for (const name of Object.keys(oidc))
    assert.match(mistakesOf({ ...oidc, [name]: '' })[0]!, /are of use only together$/)
  assert.deepEqual(mistakesOf({ ...oidc, MUSTER_OIDC_ISSUER: 'http://127.0.0.1:9000' }), [])
  assert.match(mistakesOf({ ...oidc, MUSTER_OIDC_ISSUER: 'http://login.example.org' })[0]!, /https/)
})
