// What device URLs need of the world: what is known of a device and its URL, who may pass, passes that
// are kept, and a way to a port of the device.

import type { Duplex } from 'node:stream'
import type { DeviceUrlAccess } from '@muster/core/device-url-api.ts'

export type UrlSetting = { port: number; access: DeviceUrlAccess }

export type UrlDevice = {
  id: number
  uuid: string
  name: string
  fleetId: number
  organizationId: number
  frozen: boolean
  /** Since when it has no cloudlink; null: it has one. */
  awaySince: number | null
  /** Null: switched off. */
  url: UrlSetting | null
}

export type Visitor = { userId: number; email: string | null }

/** Who may not see the device is not told that it is there. */
export type TokenVisitor = Visitor & { isAllowed: boolean; maySee: boolean }

export interface Visitors {
  /** Whose token of ours this is, and whether they may use this URL; null: it is none of ours. */
  judgeToken(token: string, device: UrlDevice): Promise<TokenVisitor | null>
  /** Whether that user still may, and is still signed in by that session (null: by a token). */
  judgeUser(userId: number, sessionId: number | null, device: UrlDevice): Promise<boolean>
  /** For the audit log: somebody has come with a token. */
  note(visitor: Visitor, device: UrlDevice): Promise<void>
}

export interface Devices {
  findUrlDevice(uuid: string): Promise<UrlDevice | null>
}

export type Pass = {
  kind: 'ticket' | 'pass'
  deviceId: number
  userId: number
  organizationId: number
  sessionId: number | null
  expiresAt: number
}

export interface UrlStore {
  loadUrl(deviceId: number): Promise<UrlSetting | null>
  /** Null switches it off, and forgets who was let in. */
  setUrl(deviceId: number, setting: UrlSetting | null): Promise<void>
  addPass(hash: string, pass: Pass): Promise<void>
  /** It is not there any more afterwards. */
  takeTicket(hash: string): Promise<Pass | null>
  findPass(hash: string): Promise<Pass | null>
  deleteExpiredPasses(now: number): Promise<void>
}

export interface PortWays {
  /** To a port on the device itself. Refuses where it cannot be had. */
  openPort(device: UrlDevice, port: number): Promise<Duplex>
}
