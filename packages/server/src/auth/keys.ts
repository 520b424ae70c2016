// Keys and tokens: random, shown once, kept as hashes. They have so much chance in them that one plain
// hash suffices; only passwords, which people choose, are worth slowing down (passwords.ts).

import { hash, randomBytes, randomInt } from 'node:crypto'

const base62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const secretLength = 32

/** How a key or token is kept and looked up. */
export function hashKey(key: string): string {
  return hash('sha256', key, 'base64url')
}

/** 32 hex digits: the form that the device protocol is used to. */
export function createDeviceKey(): string {
  return randomBytes(16).toString('hex')
}

export function createProvisioningKey(): string {
  return `mpk_${createSecret()}`
}

export function createApiToken(): string {
  return `mat_${createSecret()}`
}

/** For a person to copy once: no characters that look alike matter less than length. */
export function createPassword(): string {
  return createSecret(20)
}

function createSecret(length = secretLength): string {
  return Array.from({ length }, () => base62[randomInt(base62.length)]).join('')
}
