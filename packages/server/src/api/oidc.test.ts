// Signing in at a real provider, over HTTP as a browser would: pages, forms, cookies and redirects.

import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { adminEmail, openServer } from '../app/fixtures.ts'

const clientId = 'muster'
const clientSecret = 'a secret of the provider, long enough for it'
// It has no types of its own.
const providerModule = 'oidc-provider'

async function listen(http: Server): Promise<string> {
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}`
}

/** Whoever signs in there with an e-mail has it, verified unless it begins with "unverified". */
async function openProvider(redirectUris: readonly string[]) {
  const { default: Provider } = await import(providerModule)
  const http = createServer((req, res) => answer(req, res))
  const issuer = await listen(http)
  const provider = new Provider(issuer, {
    clients: [{ client_id: clientId, client_secret: clientSecret, redirect_uris: redirectUris }],
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
    cookies: { keys: ['a key of the test'] },
    findAccount: (_context: unknown, id: string) => ({
      accountId: id,
      claims: async () => ({
        sub: `subject of ${id}`,
        email: id,
        email_verified: !id.startsWith('unverified'),
        name: 'Ada',
      }),
    }),
  })
  const answer = provider.callback()
  return { issuer, close: () => closeServer(http) }
}

async function closeServer(http: Server): Promise<void> {
  http.closeAllConnections()
  await new Promise((resolve) => http.close(resolve))
}

/** A browser as far as it is needed: it keeps cookies by site and fills in forms. */
function createBrowser() {
  const jars = new Map<string, Map<string, string>>()
  async function visit(url: string, form?: Record<string, string>) {
    const { origin } = new URL(url)
    const jar = jars.get(origin) ?? new Map<string, string>()
    jars.set(origin, jar)
    const answer = await fetch(url, {
      redirect: 'manual',
      method: form ? 'POST' : 'GET',
      headers: { cookie: [...jar].map((pair) => pair.join('=')).join('; ') },
      ...(form ? { body: new URLSearchParams(form) } : {}),
    })
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)!
      if (value) jar.set(name!, value)
      else jar.delete(name!)
    }
    return answer
  }
  return {
    visit,
    /** Signs in at the provider as `email`; where the browser is then sent back to. */
    async signInThere(url: string, email: string, home: string): Promise<string> {
      let next = url
      for (let step = 0; step < 20; step++) {
        if (next.startsWith(home)) return next
        const answer = await visit(next)
        if (answer.status < 400 && answer.status >= 300) {
          next = new URL(answer.headers.get('location')!, next).href
          continue
        }
        const page = await answer.text()
        assert.equal(answer.status, 200, page)
        const action = new URL(/action="([^"]+)"/.exec(page)![1]!, next).href
        const prompt = /name="prompt" value="(\w+)"/.exec(page)![1]!
        const sent = await visit(action, { prompt, login: email, password: 'any' })
        next = new URL(sent.headers.get('location')!, action).href
      }
      throw new Error('the provider sends the browser round in circles')
    },
  }
}

async function openBoth() {
  const reserved = createServer()
  const home = await listen(reserved)
  await closeServer(reserved)
  const callbackUrl = `${home}/api/v1/login/oidc/callback`
  const provider = await openProvider([callbackUrl])
  const { issuer } = provider
  const oidc = { issuer, clientId, clientSecret, name: 'Test', callbackUrl }
  const server = await openServer({ oidc })
  await server.app.fastify.listen({ host: '127.0.0.1', port: Number(new URL(home).port) })
  const browser = createBrowser()
  /** Up to where the provider sends the browser back. */
  async function signIn(email: string, to = '/devices?status=offline') {
    const begun = await browser.visit(`${home}/api/v1/login/oidc?to=${encodeURIComponent(to)}`)
    assert.equal(begun.status, 302)
    return browser.signInThere(begun.headers.get('location')!, email, home)
  }
  return {
    home,
    server,
    browser,
    signIn,
    whoAmI: async () =>
      (await browser.visit(`${home}/api/v1/whoami`)).json() as Promise<{ email: string }>,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      await provider.close()
    },
  }
}

const codeOf = async (answer: Response) => ((await answer.json()) as { code: string }).code

test('a member signs in at the provider by a verified e-mail, and comes out where asked', async () => {
  await using both = await openBoth()
  const { home, browser, signIn } = both
  const methods = await (await browser.visit(`${home}/api/v1/login/methods`)).json()
  assert.deepEqual(methods, { password: true, oidc: { name: 'Test' } })
  const back = await browser.visit(await signIn(adminEmail))
  assert.deepEqual([back.status, back.headers.get('location')], [302, '/devices?status=offline'])
  const { body } = await both.server.call('GET', '/audit?operation=login')
  assert.deepEqual([body.items[0].user, body.items[0].outcome], [adminEmail, 'ok'])
  assert.equal((await both.whoAmI()).email, adminEmail)
  const [session] = (
    (await (await browser.visit(`${home}/api/v1/sessions`)).json()) as {
      items: { byOidc: boolean }[]
    }
  ).items
  assert.equal(session!.byOidc, true)
})

test('whoever is no member does not come in', async () => {
  await using both = await openBoth()
  const { browser, signIn } = both
  const stranger = await browser.visit(await signIn('stranger@example.org'))
  assert.deepEqual([stranger.status, await codeOf(stranger)], [403, 'oidc-refused'])
})

test('whoever was invited becomes a member by signing in at the provider', async () => {
  await using both = await openBoth()
  const email = 'invited@example.org'
  const invited = await both.server.call('POST', '/invitations', { email, role: 'observer' })
  assert.ok(invited.status < 300, invited.text)
  assert.equal((await both.browser.visit(await both.signIn(email))).status, 302)
  assert.equal((await both.whoAmI()).email, email)
  const fleets = await both.browser.visit(`${both.home}/api/v1/fleets`)
  assert.equal(fleets.status, 200)
})

test('an e-mail that is not verified opens nothing', async () => {
  await using both = await openBoth()
  const { browser, signIn, server } = both
  const { write } = server.database
  await write.updateTable('users').set({ email: 'unverified@example.org' }).execute()
  const answer = await browser.visit(await signIn('unverified@example.org'))
  assert.deepEqual([answer.status, await codeOf(answer)], [403, 'oidc-refused'])
})

test('once linked, a user is known by the subject, whatever the e-mail is by then', async () => {
  await using both = await openBoth()
  await both.browser.visit(await both.signIn(adminEmail))
  const { write } = both.server.database
  await write.updateTable('users').set({ email: 'renamed@example.org' }).execute()
  await both.browser.visit(await both.signIn(adminEmail))
  assert.equal((await both.whoAmI()).email, 'renamed@example.org')
})

test('an answer is of use only in the browser that began, with its own state, and leads to no other site', async () => {
  await using both = await openBoth()
  const { browser, signIn, home } = both
  const url = await signIn(adminEmail)
  const elsewhere = await createBrowser().visit(url)
  assert.deepEqual([elsewhere.status, await codeOf(elsewhere)], [403, 'oidc-refused'])
  const forged = new URL(url)
  forged.searchParams.set('state', 'another')
  const refused = await browser.visit(forged.href)
  assert.deepEqual([refused.status, await codeOf(refused)], [403, 'oidc-refused'])
  const again = await browser.visit(await signIn(adminEmail, 'https://evil.example/'))
  assert.deepEqual([again.status, again.headers.get('location')], [302, '/'])
  const declined = new URL(await signIn(adminEmail, '//evil.example/x'))
  const ended = await browser.visit(declined.href)
  assert.deepEqual([ended.status, ended.headers.get('location')], [302, '/'])
  assert.equal(
    (await browser.visit(`${home}/api/v1/login/oidc/callback?code=x&state=y`)).status,
    403,
  )
})

test('a provider that is away is told as that', async () => {
  const oidc = {
    issuer: 'http://127.0.0.1:9',
    clientId,
    clientSecret,
    name: 'Away',
    callbackUrl: 'http://localhost/api/v1/login/oidc/callback',
  }
  await using server = await openServer({ oidc })
  const answer = await server.ask('GET', '/api/v1/login/oidc', undefined, { as: '' })
  assert.deepEqual([answer.status, answer.body.code], [502, 'oidc-unavailable'])
})
