// One link that is held here: whose it is, its epoch, its pulse, and its line to the device.

import { randomInt } from 'node:crypto'
import {
  type CloseReason,
  closeReasons,
  controlLimits,
  type ServerMessage,
} from '@muster/core/cloudlink-protocol.ts'
import type { Pulse } from './keepalive.ts'
import type { Line } from './ports.ts'

/** Who connected, and by which key it was let in. */
export type Guest = {
  readonly deviceId: number
  readonly uuid: string
  readonly keyHash: string
  readonly address: string | null
  readonly line: Line
}

export class Link {
  readonly deviceId: number
  readonly uuid: string
  readonly keyHash: string
  readonly address: string | null
  readonly instance: string
  readonly epoch: number
  readonly pulse: Pulse
  fleetId: number
  isOpen = true
  /** When it last proved that it lives, on our clock. */
  aliveAt: number
  /** When its pulse is to be looked at. */
  lookAt = 0
  /** Until when the store has our word for it. */
  toldAt: number
  readonly #line: Line
  #nonce = 0
  #allowance: number = controlLimits.burst
  #allowedAt: number

  constructor(
    guest: Guest,
    {
      instance,
      epoch,
      fleetId,
      pulse,
      at,
    }: { instance: string; epoch: number; fleetId: number; pulse: Pulse; at: number },
  ) {
    this.deviceId = guest.deviceId
    this.uuid = guest.uuid
    this.keyHash = guest.keyHash
    this.address = guest.address
    this.#line = guest.line
    this.instance = instance
    this.epoch = epoch
    this.fleetId = fleetId
    this.pulse = pulse
    this.aliveAt = at
    this.toldAt = at
    this.#allowedAt = at
  }

  send(message: ServerMessage): void {
    this.#line.send(JSON.stringify(message))
  }

  /** Asks whether it lives, with a number used once. */
  ask(): void {
    this.#nonce = randomInt(1, 2 ** 32)
    this.#line.ping(this.#nonce)
  }

  /** Whether this is the answer to the latest question; an answer counts once. */
  takeAnswer(nonce: number): boolean {
    const isAnswer = nonce === this.#nonce && nonce !== 0
    if (isAnswer) this.#nonce = 0
    return isAnswer
  }

  /** Whether the device may say one more thing now. */
  mayTalk(now: number): boolean {
    const { burst, perSecond } = controlLimits
    const earned = ((now - this.#allowedAt) * perSecond) / 1_000
    this.#allowance = Math.min(burst, this.#allowance + earned)
    this.#allowedAt = now
    if (this.#allowance < 1) return false
    this.#allowance--
    return true
  }

  hangUp(reason: CloseReason): void {
    this.#line.close(closeReasons[reason].code, reason)
  }
}
