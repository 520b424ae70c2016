// What a device and the server say to each other over cloudlink. The link is one WebSocket that the
// device opens with its key; its messages are JSON texts of a closed union each way, which grows by
// variants: opening a stream, an action and its result, keys, a check. Keepalives are no messages but
// pings of WebSocket, a dozen bytes each way. The server pings, with a number used once, and counts
// the answer as life; the device counts the ping. A goodbye is a close with a code of our table.
// Rejected: keepalives as messages (four times the bytes), and keepalives of TCP (a proxy answers
// them for a device that is gone).

import { type Static, Type as T } from 'typebox'
import { Value } from 'typebox/value'
import { actionIdPattern, actionKindNames } from './actions.ts'
import { ActionReportBody } from './actions-api.ts'
import { HealthReportBody } from './health-api.ts'
import { policyLimits } from './policy.ts'
import { type DialFailure, dialFailures, streamLimits } from './streams-wire.ts'

export * from './cloudlink-wire.ts'

const keepaliveMs = T.Integer({
  minimum: policyLimits.cloudlinkKeepaliveMs.min,
  maximum: policyLimits.cloudlinkKeepaliveMs.max,
})

/** The first message of the device. */
const Hello = T.Object(
  {
    type: T.Literal('hello'),
    /** Made by chance when the agent starts: one that comes back was not the only one. */
    instance: T.String({ pattern: '^[A-Za-z0-9_-]{6,32}$' }),
  },
  { additionalProperties: false },
)

const actionId = T.String({ pattern: actionIdPattern })

/** How an action goes, as over HTTP. Said again until it is noted. */
const ActionSaid = T.Object(
  { type: T.Literal('action-report'), id: actionId, ...ActionReportBody.properties },
  { additionalProperties: false },
)

/** What the device found on itself, as over HTTP. `number` counts what it has said so. */
const number = T.Integer({ minimum: 1 })
const HealthSaid = T.Object(
  { type: T.Literal('health-report'), number, ...HealthReportBody.properties },
  { additionalProperties: false },
)

const streamToken = T.String({ pattern: '^[A-Za-z0-9_.-]{20,200}$' })

/** The stream that this token is for could not be dialled back; said so that nobody waits for it. */
const StreamUndialled = T.Object(
  {
    type: T.Literal('stream-undialled'),
    token: streamToken,
    code: T.Unsafe<DialFailure>({ type: 'string', enum: [...dialFailures] }),
    detail: T.String({ maxLength: 300 }),
  },
  { additionalProperties: false },
)

export const DeviceMessage = T.Union([Hello, ActionSaid, HealthSaid, StreamUndialled])
export type DeviceMessage = Static<typeof DeviceMessage>

/** The first message of the server: the link is open. */
const Welcome = T.Object({
  type: T.Literal('welcome'),
  epoch: T.Integer({ minimum: 1 }),
  keepaliveMs,
  /** The name of the replica, for the logs of both. */
  replica: T.String({ maxLength: 200 }),
})

/** The policy has another keepalive from now on. */
const Pace = T.Object({ type: T.Literal('pace'), keepaliveMs })

/** This replica will stop: open a link to another within so long, and keep this one until then. */
const Drain = T.Object({ type: T.Literal('drain'), withinMs: T.Integer({ minimum: 0 }) })

const host = T.String({ minLength: 1, maxLength: 253, pattern: '^[A-Za-z0-9.:_-]+$' })
const port = T.Integer({ minimum: 1, maximum: 65_535 })
const publicKey = T.String({ maxLength: streamLimits.keyLength })

/** What a stream leads to: a port that the device reaches, or an sshd of its own, for these keys. */
export const StreamTarget = T.Union([
  T.Object({ kind: T.Literal('tcp'), host, port }),
  T.Object({
    kind: T.Literal('ssh'),
    keys: T.Array(publicKey, { maxItems: streamLimits.keys }),
  }),
])
export type StreamTarget = Static<typeof StreamTarget>

/** Dial back with this token, over which bytes go to and from the target. */
const OpenStream = T.Object({
  type: T.Literal('open-stream'),
  token: streamToken,
  target: StreamTarget,
})
export type OpenStream = Static<typeof OpenStream>

/** Do these, each once, however often they come. */
const Orders = T.Object({
  type: T.Literal('actions'),
  orders: T.Array(
    T.Object({
      id: actionId,
      kind: T.Unsafe<(typeof actionKindNames)[number]>({ type: 'string', enum: actionKindNames }),
      service: T.Optional(T.String({ maxLength: 100 })),
      by: T.String({ maxLength: 254 }),
      leftMs: T.Integer({ minimum: 0 }),
    }),
  ),
})

/** What the device said of it is durable. */
const ActionNoted = T.Object({
  type: T.Literal('action-noted'),
  id: actionId,
  state: ActionReportBody.properties.state,
})

/** What the device said of its health, by its number, is durable. */
const HealthNoted = T.Object({ type: T.Literal('health-noted'), number })

export const ServerMessage = T.Union([
  Welcome,
  Pace,
  Drain,
  OpenStream,
  Orders,
  ActionNoted,
  HealthNoted,
])
export type ServerMessage = Static<typeof ServerMessage>

/** A message of the device, or null where it is none. */
export function readDeviceMessage(text: string): DeviceMessage | null {
  try {
    const message: unknown = JSON.parse(text)
    return Value.Check(DeviceMessage, message) ? message : null
  } catch {
    return null
  }
}
