// One-time codes by time (RFC 6238) and the recovery codes beside them. Authenticator programs know six
// digits, thirty seconds and SHA-1 for certain, so it is these; a code is taken one step early or late.

import { randomInt } from 'node:crypto'
import { Secret, TOTP } from 'otpauth'
import { hashKey } from './keys.ts'

export const stepMs = 30_000
const window = 1
const issuer = 'Muster'
const recoveryCodeCount = 10
/** Without letters that look alike; 16 of these have 79 bits of chance. */
const recoveryAlphabet = '23456789ABCDEFGHJKMNPQRSTUVWXYZ'
const recoveryLength = 16

export function createTotpSecret(): string {
  return new Secret({ size: 20 }).base32
}

/** What an authenticator program reads, as a QR code or by a tap. */
export function totpUri(secret: string, email: string): string {
  return totpOf(secret, email).toString()
}

/** The code of that instant. */
export function totpCode(secret: string, at: number): string {
  return totpOf(secret, '').generate({ timestamp: at })
}

/** The step of time that this code is of, or null: it is none of about now. */
export function totpStep(secret: string, code: string, now: number): number | null {
  const delta = totpOf(secret, '').validate({ token: code, timestamp: now, window })
  return delta === null ? null : Math.floor(now / stepMs) + delta
}

function totpOf(secret: string, label: string): TOTP {
  return new TOTP({ issuer, label, secret, algorithm: 'SHA1', digits: 6, period: stepMs / 1_000 })
}

/** The six digits, or null: this is a recovery code. */
export function readTotpCode(text: string): string | null {
  const bare = text.replace(/\s/g, '')
  return /^\d{6}$/.test(bare) ? bare : null
}

export function createRecoveryCodes(): string[] {
  return Array.from({ length: recoveryCodeCount }, () => {
    const letters = Array.from(
      { length: recoveryLength },
      () => recoveryAlphabet[randomInt(recoveryAlphabet.length)],
    )
    return letters.join('').replace(/.{4}(?=.)/g, '$&-')
  })
}

/** Whatever a person puts between the letters. */
export function hashRecoveryCode(code: string): string {
  return hashKey(code.toUpperCase().replace(/[^0-9A-Z]/g, ''))
}
