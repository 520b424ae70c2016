// The part of the registry of errors that is about recordings and device URLs; see errors.ts.

import { exitCodes } from './exit-codes.ts'

export const terminalErrors = {
  'recording-not-found': {
    http: 404,
    exit: exitCodes.notFound,
    title: 'There is no such recording',
    advice: '`muster recording list` shows those that you may see.',
  },
  'device-url-off': {
    http: 404,
    exit: exitCodes.notFound,
    title: 'There is no device URL here',
    advice: 'If there should be one, a member may switch it on: muster device url DEVICE enable.',
  },
  'device-url-not-set-up': {
    http: 409,
    exit: exitCodes.conflict,
    title: 'This server has no domain for device URLs',
    advice: 'Set MUSTER_DEVICE_URL_DOMAIN and MUSTER_PUBLIC_URL at the server.',
  },
  'device-url-unanswered': {
    http: 504,
    exit: exitCodes.unreachable,
    title: 'The program on the device did not answer in time',
    advice: 'Look whether it is busy or stuck; its connection may be slow, too.',
  },
} as const
