// What the parts of the client are made from: one call, and the pages of a list.

import type { Static, TSchema } from 'typebox'

/** What a schema describes; an absent property may also be written as undefined. */
export type Given<S extends TSchema> = Loose<Static<S>>
type Loose<V> = {
  [K in keyof V]: Record<never, never> extends Pick<V, K> ? V[K] | undefined : V[K]
}

export type Query = Record<string, string | number | boolean | undefined>
export type PageQuery = { limit?: number | undefined; cursor?: string | undefined }
export type CallOptions = {
  query?: Query
  body?: unknown
  signal?: AbortSignal | undefined
  /** As this client read it: what has changed since then is refused with `edit-collided`. */
  basedOn?: object | undefined
}
export type Call = <T>(method: string, path: string, options?: CallOptions) => Promise<T>

/** The pages of a list, one request each, asked for only as they are read. */
export type Pages = <V, P extends { items: V[]; nextCursor: string | null }>(
  path: string,
  query: Query,
) => AsyncGenerator<P, void, void>
