// The part of the registry of errors that is about streams and SSH keys; see errors.ts.

import { exitCodes } from './exit-codes.ts'

export const streamErrors = {
  'device-not-linked': {
    http: 409,
    exit: exitCodes.unreachable,
    title: 'The device has no cloudlink now',
    advice: '`muster device show` says since when and why. Try again when its cloudlink is up.',
  },
  'stream-target-refused': {
    http: 403,
    exit: exitCodes.refused,
    title: 'The device does not allow streams to this target',
    advice: 'Its agent lists what it allows: --stream-targets, by default none but its own sshd.',
  },
  'stream-target-unreachable': {
    http: 502,
    exit: exitCodes.failed,
    title: 'Nothing answers there, seen from the device',
    advice: 'Start what should listen on that port of the device, or name another port or host.',
  },
  'ssh-server-missing': {
    http: 409,
    exit: exitCodes.failed,
    title: 'The device has no sshd that its agent could run',
    advice: 'Install the OpenSSH server on the device; it need not be started or listen anywhere.',
  },
  'too-many-streams': {
    http: 429,
    exit: exitCodes.unreachable,
    title: 'The device has as many streams open as it may',
    advice: 'Close some, or wait until others have ended.',
  },
  'stream-not-answered': {
    http: 504,
    exit: exitCodes.unreachable,
    title: 'The device did not open the stream in time',
    advice: 'Its connection may be slow or lost; `muster device show` tells once that is known.',
  },
  'replicas-apart': {
    http: 503,
    exit: exitCodes.unreachable,
    title: 'The replicas of the server do not reach each other',
    advice:
      'Try again in a moment. Where it stays, whoever runs the server looks at NATS and at MUSTER_REPLICA_ADDRESS; nothing is wrong with the device.',
  },
  'stream-token-refused': {
    http: 403,
    exit: exitCodes.refused,
    title: 'The token of the stream opens nothing',
    advice: 'It was used already, has expired, or belongs to another device. Open a new stream.',
  },
  'stream-lost': {
    http: 502,
    exit: exitCodes.unreachable,
    title: 'The stream was lost',
    advice: 'Open it again. `muster device history` says whether the device was lost with it.',
  },
  'stream-ended': {
    http: 403,
    exit: exitCodes.refused,
    title: 'The server has ended the stream',
    advice: 'The detail says which limit or right was the reason.',
  },
  'ssh-key-not-found': {
    http: 404,
    exit: exitCodes.notFound,
    title: 'You have no such SSH key',
    advice: '`muster ssh-key list` shows yours.',
  },
  'ssh-key-taken': {
    http: 409,
    exit: exitCodes.conflict,
    title: 'The SSH key is registered already',
    advice: 'A public key belongs to one user; make another with ssh-keygen.',
  },
  'ssh-key-missing': {
    http: 409,
    exit: exitCodes.refused,
    title: 'You have no SSH key registered',
    advice: 'Add your public key with `muster ssh-key add ~/.ssh/id_ed25519.pub`.',
  },
  'too-many-ssh-keys': {
    http: 409,
    exit: exitCodes.conflict,
    title: 'You have as many SSH keys as one user may',
    advice: 'Remove one that you no longer use.',
  },
} as const
