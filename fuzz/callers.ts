// Who asks: people and programs with less and less in their hands, down to tokens that have ended. Each
// may do what the table of rights says, and must not be told of more.

import { adminToken, type openServer } from '../packages/server/src/app/fixtures.ts'
import { hashKey } from '../packages/server/src/auth/keys.ts'

type Server = Awaited<ReturnType<typeof openServer>>
export type Callers = Awaited<ReturnType<typeof invite>>

/** Tokens of members of our organization, and of whoever runs the server; `fleet` is the one of some. */
export async function invite(server: Server, fleet: string) {
  const boss = await addMember(server, 'boss', { role: 'administrator' })
  // Not the session, which would soon have been ended.
  const { body } = await ask(server, boss, 'POST', '/tokens', { name: 'full' })
  const administrator: string = body.token
  const observer = await addMember(server, 'observer', { role: 'observer' })
  const ofOneFleet = await addMember(server, 'local', { fleets: [{ fleet, role: 'developer' }] })
  const addToken = async (name: string, more: object) => {
    const { body } = await ask(server, administrator, 'POST', '/tokens', { name, ...more })
    return body as { id: number; token: string }
  }
  const revoked = await addToken('revoked', {})
  await ask(server, administrator, 'DELETE', `/tokens/${revoked.id}`)
  const expired = await addToken('expired', { expiresAt: Date.now() + 3_600_000 })
  await server.database.write
    .updateTable('api_tokens')
    .set({ expires_at: 1 })
    .where('hash', '=', hashKey(expired.token))
    .execute()
  return {
    administrator,
    observer,
    ofOneFleet,
    ofServer: adminToken,
    tokenOfOneFleet: (await addToken('one fleet', { fleets: [fleet] })).token,
    readOnly: (await addToken('reads', { scope: 'read-only' })).token,
    narrow: (await addToken('narrow', { scope: ['devices-read', 'devices-write'] })).token,
    revoked: revoked.token,
    expired: expired.token,
  }
}

async function addMember(server: Server, name: string, roles: object): Promise<string> {
  const email = `${name}@example.org`
  const password = 'eight words are better'
  const { body } = await ask(server, adminToken, 'POST', '/invitations', { email, ...roles })
  await ask(server, '', 'POST', '/invitations/redeem', { token: body.token, password, name })
  return (await ask(server, '', 'POST', '/login', { email, password })).body.token
}

async function ask(server: Server, as: string, method: string, path: string, body?: object) {
  const answer = await server.ask(method, `/api/v1${path}`, body, { as })
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.text}`)
  return answer
}
