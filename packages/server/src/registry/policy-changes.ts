// Changing some limits of a policy and leaving the others as they are.

import type { PolicyOverrides } from '@muster/core/policy.ts'

/** Limits to set over the present ones; null takes one back. */
export type PolicyChanges = { [K in keyof PolicyOverrides]?: PolicyOverrides[K] | null }

export function changedPolicy(present: PolicyOverrides, changes: PolicyChanges): PolicyOverrides {
  const merged = Object.entries({ ...present, ...changes })
  return Object.fromEntries(merged.filter(([, limit]) => limit !== null && limit !== undefined))
}
