// What every route has in hand: the features, and who is asking.

import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { Clock } from '@muster/core/clock.ts'
import { Refusal } from '@muster/core/errors.ts'
import type { Gaps } from '@muster/core/silence.ts'
import type {
  FastifyBaseLogger,
  FastifyInstance,
  FastifyRequest,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify'
import type { Actions } from '../actions/actions.ts'
import type { Audit } from '../audit/audit.ts'
import type { Bulk } from '../bulk/bulk.ts'
import type { SshKeys } from '../cloudlink/ssh-keys.ts'
import type { Streams } from '../cloudlink/streams.ts'
import type { DeviceUrls } from '../device-urls/device-urls.ts'
import type { Examination } from '../health/ports.ts'
import type { History } from '../history/history.ts'
import type { Members } from '../registry/members.ts'
import type { Organizations } from '../registry/organizations.ts'
import type { Registry } from '../registry/registry.ts'
import type { Terminals } from '../terminal/terminals.ts'
import type { Authenticator, Identity } from './people-ports.ts'
import type { Principal, Queries, SavedViews } from './ports.ts'
import type { StreamHub } from './stream.ts'

export { tokenOf } from './credentials.ts'

export type ApiDeps = {
  registry: Registry
  organizations: Organizations
  members: Members
  presence: { readonly gaps: Gaps }
  queries: Queries
  actions: Actions
  views: SavedViews
  auth: Authenticator
  hub: StreamHub
  streams: Pick<Streams, 'openStream'>
  sshKeys: SshKeys
  history: History
  terminals: Terminals
  deviceUrls: DeviceUrls
  health: { load(deviceId: number): Promise<Examination | null> }
  clock: Clock
  audit: Audit
  bulk: Bulk
  /** Of the server; null: it is not said. */
  version: string | null
  /** For each token; null: no limit. */
  requestsPerSecond: number | null
}

export type Api = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>

declare module 'fastify' {
  interface FastifyInstance {
    /** The address under which people reach this server, where a setting names it. */
    publicUrl: string | null
  }
  interface FastifyRequest {
    principal: Principal | null
    identity: Identity | null
  }
}

export function principalOf(request: FastifyRequest): Principal {
  if (!request.principal) throw new Refusal('unauthenticated')
  return request.principal
}

/** Whose credentials these are, and which. */
export function identityOf({ identity }: FastifyRequest): Identity {
  if (!identity) throw new Refusal('unauthenticated')
  return identity
}
