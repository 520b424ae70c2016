// The part of the registry of errors that is about actions; see errors.ts.

import { exitCodes } from './exit-codes.ts'

export const actionErrors = {
  'action-not-found': {
    http: 404,
    exit: exitCodes.notFound,
    title: 'There is no such action',
    advice: '`muster action list` shows the actions that you may see.',
  },
  'action-unavailable': {
    http: 409,
    exit: exitCodes.conflict,
    title: 'The device cannot do this',
    advice: '`muster action available DEVICE` says what it can do, and what stands in the way.',
  },
  'too-many-actions': {
    http: 409,
    exit: exitCodes.conflict,
    title: 'Too many actions wait for the device',
    advice: 'Cancel some of them, or wait until they are done or have expired.',
  },
  'action-begun': {
    http: 409,
    exit: exitCodes.conflict,
    title: 'The action cannot be taken back any more',
    advice: '`muster action show` says how far it is; what a device has begun it ends.',
  },
} as const
