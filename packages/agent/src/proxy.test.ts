import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseArguments } from './args.ts'
import { proxyFor } from './proxy.ts'

const wish = { https: 'http://tls.proxy:3128', http: 'plain.proxy:8080', except: '' }

test('the proxy is chosen by the kind of the server', () => {
  assert.equal(proxyFor('https://m.example', wish)?.host, 'tls.proxy:3128')
  assert.equal(proxyFor('http://m.example', wish)?.host, 'plain.proxy:8080')
  assert.equal(proxyFor('http://m.example', { ...wish, http: null }), null)
})

test('servers that are excepted are reached without it, by name, by what is beneath, and by port', () => {
  const goesStraight = (server: string, except: string) =>
    proxyFor(server, { ...wish, except }) === null
  for (const except of ['*', 'm.example', '.example', '*.example', 'x, m.example', 'm.example:443'])
    assert.ok(goesStraight('https://m.example', except), except)
  for (const except of ['', 'example.m', 'xm.example', 'm.example:80', 'm'])
    assert.ok(!goesStraight('https://m.example', except), except)
})

test('what is said to the agent wins over what is said to all programs, and "none" over both', () => {
  const env = { HTTPS_PROXY: 'http://all:1', no_proxy: 'm.example' }
  const proxyOf = (words: string[]) => {
    const parsed = parseArguments(['--server', 'https://m.example', ...words], env)
    assert.ok(parsed.ok && 'proxy' in parsed.wish)
    return proxyFor('https://m.example', parsed.wish.proxy)?.host ?? null
  }
  assert.equal(proxyOf([]), null)
  assert.equal(proxyOf(['--proxy', 'http://own:2']), 'own:2')
  assert.equal(proxyOf(['--proxy', 'none']), null)
  assert.equal(parseArguments(['--proxy', 'ftp://own'], {}).ok, false)
})
