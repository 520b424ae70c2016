// Who this device is: its uuid and its key, made here and stored before anything is sent, so that a
// registration whose answer was lost is repeated with the same pair. The provisioning key never comes
// to this file. A file that cannot be read is an error and never a reason to become somebody else:
// a device with a new identity would be a stranger in its fleet, and the old one would seem dead.

import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isRecord, parseJson } from './answers.ts'
import { writeDurably } from './durable.ts'

export type Identity = {
  uuid: string
  deviceKey: string
  /** The server with which it is registered; null until it is. */
  registeredWith: string | null
  /** The server that it was last told to use, for commands that name none. */
  server: string | null
  /** The CA that it was last told to trust; null: the well-known ones. */
  caFile: string | null
}

export class IdentityUnreadable extends Error {
  override readonly name = 'IdentityUnreadable'
}

export const identityPath = (stateDir: string) => join(stateDir, 'identity.json')

/** Null when there is none yet. */
export function readIdentity(stateDir: string): Identity | null {
  const path = identityPath(stateDir)
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw new IdentityUnreadable(`${path} cannot be read: ${(error as Error).message}`)
  }
  const identity = parseJson(text)
  if (!isIdentity(identity))
    throw new IdentityUnreadable(
      `${path} is damaged. Restore it from a backup to stay the same device; ` +
        'remove it to become a new one, with a provisioning key.',
    )
  const { uuid, deviceKey, registeredWith, server, caFile } = identity
  return { uuid, deviceKey, registeredWith, server, caFile }
}

export function writeIdentity(stateDir: string, identity: Identity): void {
  writeDurably(identityPath(stateDir), `${JSON.stringify(identity, null, 2)}\n`)
}

export function makeIdentity(given: { uuid?: string | undefined; server: string }): Identity {
  const uuid = given.uuid ?? randomBytes(16).toString('hex')
  const deviceKey = randomBytes(16).toString('hex')
  return { uuid, deviceKey, registeredWith: null, server: given.server, caFile: null }
}

function isIdentity(value: unknown): value is Identity {
  if (!isRecord(value)) return false
  const { uuid, deviceKey, registeredWith, server, caFile } = value
  return (
    typeof uuid === 'string' &&
    /^(?:[0-9a-f]{32}|[0-9a-f]{62})$/.test(uuid) &&
    typeof deviceKey === 'string' &&
    deviceKey.length >= 16 &&
    isStringOrNull(registeredWith) &&
    isStringOrNull(server) &&
    isStringOrNull(caFile)
  )
}

const isStringOrNull = (value: unknown) => value === null || typeof value === 'string'
