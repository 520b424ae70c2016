// What the schemas of the API are made from again and again.

import { Type as T } from 'typebox'

/** One of these words. */
export const words = <const W extends readonly string[]>(list: W) =>
  T.Unsafe<W[number]>({ type: 'string', enum: [...list] })

export const Nullable = <S extends Parameters<typeof T.Union>[0][number]>(schema: S) =>
  T.Union([schema, T.Null()])

/** The last that a date can name, which every store can hold. */
const latestAt = 8_640_000_000_000_000

/** Epoch ms on the server's clock. */
export const Instant = (description: string) =>
  T.Integer({ minimum: 0, maximum: latestAt, description })
