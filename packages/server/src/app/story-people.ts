// The part of the story that is about people: signing in, tokens, organizations, members, invitations.
// What only a browser, an authenticator or a mailbox can complete is shown as it is refused.

import type { Example } from './story.ts'

const api = (verb: string, path: string) => `${verb} /api/v1${path}`
const administrator = { email: 'admin@example.org', password: 'correct horse battery' }
const { password } = administrator

export const signingIn: readonly Example[] = [
  { operation: api('GET', '/login/methods'), as: '', status: 200 },
  {
    operation: api('POST', '/login'),
    as: '',
    body: administrator,
    status: 200,
    keeps: { session: 'token' },
  },
  {
    operation: api('POST', '/login/cookie'),
    as: '',
    headers: { origin: 'https://elsewhere.example' },
    body: administrator,
    status: 403,
  },
  { operation: api('GET', '/login/oidc'), as: '', status: 404 },
  { operation: api('GET', '/login/oidc/callback'), as: '', status: 404 },
  { operation: api('GET', '/whoami'), status: 200 },
  {
    operation: api('GET', '/sessions'),
    as: 'session',
    status: 200,
    keeps: { sessionId: 'items.0.id' },
  },
  { operation: api('GET', '/totp'), as: 'session', status: 200 },
  { operation: api('POST', '/totp'), as: 'session', body: { password }, status: 200 },
  { operation: api('POST', '/totp/confirm'), as: 'session', body: { code: '123456' }, status: 401 },
  {
    operation: api('POST', '/totp/recovery-codes'),
    as: 'session',
    body: { password },
    status: 409,
  },
  { operation: api('POST', '/totp/disable'), as: 'session', body: { password }, status: 409 },
  {
    operation: api('POST', '/tokens'),
    as: 'session',
    body: { name: 'Night report', scope: 'read-only' },
    status: 201,
    keeps: { tokenId: 'id' },
  },
  { operation: api('GET', '/tokens'), as: 'session', status: 200 },
  {
    operation: api('DELETE', '/tokens/{id}'),
    as: 'session',
    path: { id: '$tokenId' },
    status: 204,
  },
]

export const belonging: readonly Example[] = [
  { operation: api('GET', '/organization'), status: 200 },
  { operation: api('PATCH', '/organization'), body: { name: 'Corner Shops' }, status: 200 },
  { operation: api('GET', '/organizations/own'), status: 200 },
  { operation: api('GET', '/organizations'), query: { limit: '20' }, status: 200 },
  {
    operation: api('POST', '/organizations'),
    body: { name: 'Harbour', slug: 'harbour' },
    status: 201,
  },
  {
    operation: api('GET', '/organizations/{organization}'),
    path: { organization: 'harbour' },
    status: 200,
  },
  {
    operation: api('PATCH', '/organizations/{organization}/plan'),
    path: { organization: 'harbour' },
    body: { deviceAllowance: 50 },
    status: 200,
  },
  {
    operation: api('DELETE', '/organization'),
    headers: { 'muster-organization': 'harbour' },
    status: 204,
  },
  {
    operation: api('POST', '/invitations'),
    body: { email: 'noor@example.org', role: 'operator' },
    status: 201,
    keeps: { invitationId: 'id', invitationToken: 'token' },
  },
  { operation: api('GET', '/invitations'), status: 200 },
  {
    operation: api('POST', '/invitations/{id}/resend'),
    path: { id: '$invitationId' },
    status: 200,
    keeps: { invitationToken: 'token' },
  },
  {
    operation: api('POST', '/invitations/redeem'),
    as: '',
    body: { token: '$invitationToken', password: 'eight words are better', name: 'Noor' },
    status: 201,
  },
  {
    operation: api('POST', '/invitations/accept'),
    as: 'session',
    body: { token: 'a-token-of-an-invitation' },
    status: 404,
  },
  {
    operation: api('GET', '/users/{email}'),
    path: { email: 'noor@example.org' },
    status: 200,
  },
  {
    operation: api('PATCH', '/users/{email}'),
    path: { email: 'noor@example.org' },
    body: { disabled: true },
    status: 200,
  },
  { operation: api('GET', '/members'), status: 200, keeps: { memberId: 'items.1.id' } },
  {
    operation: api('PATCH', '/members/{id}'),
    path: { id: '$memberId' },
    body: { role: 'developer' },
    status: 200,
  },
  { operation: api('DELETE', '/members/{id}'), path: { id: '$memberId' }, status: 204 },
  {
    operation: api('POST', '/invitations'),
    body: { email: 'sam@example.org', role: 'observer' },
    status: 201,
    keeps: { invitationId: 'id' },
  },
  {
    operation: api('DELETE', '/invitations/{id}'),
    path: { id: '$invitationId' },
    status: 204,
  },
]

export const parting: readonly Example[] = [
  {
    operation: api('POST', '/password/reset-links'),
    body: { email: administrator.email },
    status: 200,
  },
  {
    operation: api('POST', '/password/reset'),
    as: '',
    body: { token: 'the-token-of-the-link', newPassword: 'another horse battery' },
    status: 401,
  },
  {
    operation: api('POST', '/password'),
    as: 'session',
    body: { password, newPassword: 'another horse battery' },
    status: 204,
  },
  {
    operation: api('POST', '/login'),
    as: '',
    body: { ...administrator, password: 'another horse battery' },
    status: 200,
    keeps: { second: 'token' },
  },
  { operation: api('POST', '/logout'), as: 'second', status: 204 },
  { operation: api('DELETE', '/sessions'), as: 'session', status: 200 },
  {
    operation: api('GET', '/sessions'),
    as: 'session',
    status: 200,
    keeps: { sessionId: 'items.0.id' },
  },
  {
    operation: api('DELETE', '/sessions/{id}'),
    as: 'session',
    path: { id: '$sessionId' },
    status: 204,
  },
]
