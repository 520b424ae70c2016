// What keeping the history needs of the store.

export type HistoryLimits = {
  keptDays: number
  /** Epoch ms: from then on every transition is there, and how things stood then. */
  keptFrom: number
}

export interface HistoryStore {
  loadHistoryLimits(organizationId: number): Promise<HistoryLimits>
  setKeptDays(organizationId: number, keptDays: number): Promise<void>
  /** Moves the beginning of what is kept, of every organization; never back. */
  raiseFloors(now: number): Promise<void>
  /** Deletes one small batch of what is before it; true: there is more. */
  sweep(now: number): Promise<boolean>
}
