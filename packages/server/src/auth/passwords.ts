// Passwords are kept under scrypt, which costs an attacker memory. The parameters stand beside each
// hash, so that they can be raised later without locking anybody out.

import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'

const derive = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt)

/** 32 MB and about 60 ms for each try. */
const cost = { N: 32_768, r: 8, p: 1 }
const maxBytes = 64 * 1024 * 1024
const keyBytes = 32

export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16)
  const key = await derive(password.normalize('NFKC'), salt, keyBytes, {
    ...cost,
    maxmem: maxBytes,
  })
  const { N, r, p } = cost
  return ['scrypt', N, r, p, salt.toString('base64url'), key.toString('base64url')].join('$')
}

/** An empty hash is no password's. */
export async function isPassword(password: string, stored: string): Promise<boolean> {
  if (stored === '') return false
  const [, N, r, p, salt, key] = stored.split('$')
  const expected = Buffer.from(key!, 'base64url')
  const options = { N: Number(N), r: Number(r), p: Number(p), maxmem: maxBytes }
  const normal = password.normalize('NFKC')
  const found = await derive(normal, Buffer.from(salt!, 'base64url'), expected.length, options)
  return timingSafeEqual(found, expected)
}
