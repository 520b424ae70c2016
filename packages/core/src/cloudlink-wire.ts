// The fixed names, codes and limits of cloudlink, apart from its schemas: the agent's bundle takes
// these and leaves the schema library behind.

/** Beneath the address of the server; the device's uuid follows. */
export const cloudlinkPath = '/cloudlink'
/** The version of the control messages, as a subprotocol of WebSocket: both sides must name it. */
export const cloudlinkProtocol = 'muster-cloudlink-1'

/** Control messages are small: whoever says more at once, or more often, is cut off. */
export const controlLimits = { maxMessageBytes: 16 * 1024, burst: 50, perSecond: 10 } as const
/** A side that has connected says hello, and is welcomed, within so long. */
export const greetWithinMs = 20_000
/** A keepalive is a ping of WebSocket with a few bytes that its answer repeats. */
export const nonceBytes = 4

type CloseRow = { code: number; about: string }

/** Why a link is closed: the goodbye of either side, as a close code of WebSocket. */
export const closeReasons = {
  'going-away': { code: 4001, about: 'This replica stops; another one will take the link.' },
  replaced: { code: 4002, about: 'The device has opened a newer link.' },
  disabled: { code: 4003, about: 'The policy has switched cloudlink off.' },
  'key-refused': { code: 4004, about: 'The key does not open the device any more.' },
  'not-understood': { code: 4005, about: 'A message was not one that this protocol has.' },
  'too-much': { code: 4006, about: 'Messages came larger or faster than the limits allow.' },
  silent: { code: 4007, about: 'Keepalives were not answered in time.' },
  moved: { code: 4008, about: 'The device has a link to another replica, as it was asked to.' },
  'agent-stop': { code: 4009, about: 'The agent stops.' },
  'store-unavailable': { code: 4010, about: 'The database cannot be reached; come back later.' },
} as const satisfies Record<string, CloseRow>
export type CloseReason = keyof typeof closeReasons

const reasonByCode = new Map<number, CloseReason>(
  Object.entries(closeReasons).map(([reason, { code }]) => [code, reason as CloseReason]),
)

/** The reason of a close; null: the connection broke, or closed without one of ours. */
export function closeReasonOf(code: number): CloseReason | null {
  return reasonByCode.get(code) ?? null
}
