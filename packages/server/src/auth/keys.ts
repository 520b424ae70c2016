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

const sessionPrefix = 'mss_'

export function createSessionToken(): string {
  return `${sessionPrefix}${createSecret()}`
}

export function isSessionToken(token: string): boolean {
  return token.startsWith(sessionPrefix)
}

/** In a link that sets a new password, once. */
export function createResetToken(): string {
  return `mrl_${createSecret()}`
}

/** Its first characters, to tell tokens apart; never so many that the rest could be guessed. */
export function prefixOf(token: string): string {
  return token.slice(0, Math.min(12, Math.floor(token.length / 3)))
}

/** In the link of an invitation, once. */
export function createInvitationToken(): string {
  return `miv_${createSecret()}`
}

/** For a person to copy once: no characters that look alike matter less than length. */
export function createPassword(): string {
  return createSecret(20)
}

function createSecret(length = secretLength): string {
  return Array.from({ length }, () => base62[randomInt(base62.length)]).join('')
}
