// The second factor of a user: set up with a secret that the first right code confirms, asked for at
// each sign-in with a password from then on. A code is used at most once, by anybody, on any replica.

import { type Clock, pause } from '@muster/core/clock.ts'
import { Refusal } from '@muster/core/errors.ts'
import type { Attempts } from './attempts.ts'
import type { FactorStore, User } from './ports.ts'
import {
  createRecoveryCodes,
  createTotpSecret,
  hashRecoveryCode,
  readTotpCode,
  totpStep,
  totpUri,
} from './totp.ts'

type FactorDeps = { store: FactorStore; attempts: Attempts; clock: Clock }

export type SecondFactor = ReturnType<typeof createSecondFactor>

export function createSecondFactor({ store, attempts, clock }: FactorDeps) {
  async function loadOn(userId: number) {
    const totp = await store.loadTotp(userId)
    return totp?.confirmedAt == null ? null : totp
  }

  /** Counts the try, and forgives it if `prove` says that the code was right. */
  async function tried(userId: number, prove: () => Promise<boolean>): Promise<void> {
    const attempt = await attempts.beginFactor(userId)
    const isRight = await prove()
    if (isRight) await attempt.succeeded()
    if (attempt.delayMs > 0) await pause(clock, attempt.delayMs)
    if (!isRight) throw new Refusal('totp-refused')
  }

  async function isUsable(userId: number, secret: string, text: string): Promise<boolean> {
    const code = readTotpCode(text)
    if (code === null) return store.useRecoveryCode(userId, hashRecoveryCode(text))
    const step = totpStep(secret, code, clock.now())
    return step !== null && (await store.useTotpStep(userId, step))
  }

  return {
    async load(userId: number) {
      const totp = await loadOn(userId)
      return {
        on: totp !== null,
        since: totp?.confirmedAt ?? null,
        recoveryCodeCount: totp?.recoveryCodeCount ?? 0,
      }
    },

    /** Refuses with `totp-required` or `totp-refused` where it is on and `code` is none. */
    async demand(userId: number, code: string | undefined): Promise<void> {
      const totp = await loadOn(userId)
      if (!totp) return
      if (code === undefined) throw new Refusal('totp-required')
      await tried(userId, () => isUsable(userId, totp.secret, code))
    },

    /** A new secret, which counts once a code of it confirms it. */
    async begin({ id, email }: User): Promise<{ secret: string; uri: string }> {
      if (await loadOn(id)) throw new Refusal('totp-already-on')
      const secret = createTotpSecret()
      await store.insertTotp(id, secret, clock.now())
      return { secret, uri: totpUri(secret, email) }
    },

    /** Returns the recovery codes, which are shown this once. */
    async confirm(userId: number, code: string): Promise<string[]> {
      const totp = await store.loadTotp(userId)
      if (!totp) throw new Refusal('totp-not-on', 'begin to set it up first')
      const { secret, confirmedAt } = totp
      if (confirmedAt !== null) throw new Refusal('totp-already-on')
      const recoveryCodes = createRecoveryCodes()
      await tried(userId, async () => {
        const at = clock.now()
        const step = totpStep(secret, readTotpCode(code) ?? '', at)
        if (step === null) return false
        const recoveryHashes = recoveryCodes.map(hashRecoveryCode)
        return store.confirmTotp(userId, { secret, step, recoveryHashes, at })
      })
      return recoveryCodes
    },

    async renewRecoveryCodes(userId: number): Promise<string[]> {
      if (!(await loadOn(userId))) throw new Refusal('totp-not-on')
      const codes = createRecoveryCodes()
      await store.replaceRecoveryCodes(userId, codes.map(hashRecoveryCode))
      return codes
    },

    async drop(userId: number): Promise<void> {
      if (!(await loadOn(userId))) throw new Refusal('totp-not-on')
      await store.deleteTotp(userId)
    },
  }
}
