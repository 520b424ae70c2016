// What actions need of the world: rows that are the truth, ways to the device, and whoever watches.

import type { ActionCourse, ActionEvent, ActionOrder, ActionState } from '@muster/core/actions.ts'

export type ActionStep = { at: number; state: ActionState; channel: ActionCourse['channel'] }

/** An action as it is stored, with the device that it is for. */
export type StoredAction = ActionCourse & {
  id: string
  deviceId: number
  uuid: string
  name: string
  fleet: string
  service: string | null
  by: string
  /** Its device takes nothing now. */
  frozen: boolean
  steps: readonly ActionStep[]
  /** When it is sent again or given up; null: it has ended. */
  dueAt: number | null
}

export type NewAction = Pick<
  StoredAction,
  'id' | 'deviceId' | 'kind' | 'service' | 'by' | 'createdAt' | 'expiresAt'
>

/** What happened to which action; of a device's report `deviceId` says who reported. */
export type ActionChange = { id: string; deviceId?: number; event: ActionEvent }

export interface ActionStore {
  /**
   * Stores it, unless so many already wait for the device or are under way: then null. A heartbeat that
   * rests on an older copy of the device is not a plain one any more, so every replica will notice.
   */
  insert(action: NewAction, maxWaiting: number): Promise<StoredAction | null>
  /** Applies the changes in one transaction; answers with the actions that have changed by it. */
  advance(changes: readonly ActionChange[]): Promise<StoredAction[]>
  /** How many wait for the device or are under way. */
  countOpen(deviceId: number): Promise<number>
  find(id: string): Promise<StoredAction | null>
  /** Of these devices, what waits to be taken, oldest first. */
  loadWaiting(uuids: readonly string[]): Promise<StoredAction[]>
  /**
   * What is due until then, some of it, decided in one transaction; what another replica is at is left
   * to it. `contactAt`: when the device was last heard, by heartbeat or over its link.
   */
  advanceDue(
    until: number,
    limit: number,
    decide: (action: StoredAction, contactAt: number | null) => ActionEvent | null,
  ): Promise<{ seen: StoredAction[]; changed: StoredAction[] }>
  loadNextDue(): Promise<number | null>
}

/** The links that are held here. */
export interface Carrier {
  /** False: no link of the device is here. */
  carry(uuid: string, orders: readonly ActionOrder[]): boolean
  has(uuid: string): boolean
}

export type ActionNews = {
  kind: 'action'
  uuid: string
  fleet: string
  id: string
  state: ActionState
}

/** Hints to other replicas, of which any may be lost. */
export interface Hints {
  tell(subject: string, message: unknown): void
  listen(subject: string, receive: (message: unknown) => void): () => void
}

/** News for whoever watches, at every replica. */
export interface Publisher {
  publish(news: ActionNews): void
}
