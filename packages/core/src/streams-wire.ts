// The fixed names and limits of streams, apart from their schemas, so that bundles take only these.
//
// A stream is one connection that the device dials back after it was asked to over its link, on the
// same port and the same way as all else. What flows on it is in stream-line.ts.

/** Beneath the address of the server: `/cloudlink/{uuid}/streams`. */
export const streamsPath = 'streams'
/** What the connection is upgraded to. */
export const streamProtocol = 'muster-stream-1'
/** The one-time token of the stream; it is not in the path, since paths are logged. */
export const streamTokenHeader = 'muster-stream-token'
/** The epoch of the link over which the device was asked. */
export const streamEpochHeader = 'muster-link-epoch'

export const streamLimits = {
  /** At once, on one device. */
  perDevice: 1_000,
  /** A token that is not used within so long is worth nothing. */
  tokenMs: 15_000,
  /** For a connection to its target the device takes no longer. */
  targetMs: 8_000,
  /** Public keys that one stream may be opened with. */
  keys: 10,
  keyLength: 1_000,
} as const

/** What the device says with `ready`: the public key of its host, where the stream speaks SSH. */
export type StreamReady = { hostKey?: string }

/**
 * Why there is no connection of a device for a stream: its dialling back was refused because replicas
 * do not reach each other, or failed in any other way.
 */
export const dialFailures = ['replicas-apart', 'stream-not-answered'] as const
export type DialFailure = (typeof dialFailures)[number]
/** How often a device says so; far below what its link may say. */
export const dialFailureLimit = { burst: 20, perSecond: 4 } as const

/** Why a device refuses a stream; each is a code of the registry of errors. */
export const deviceRefusals = [
  'stream-target-refused',
  'stream-target-unreachable',
  'ssh-server-missing',
  'too-many-streams',
] as const
export type DeviceRefusal = (typeof deviceRefusals)[number]
