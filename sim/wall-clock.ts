// How long a run took for us who wait for it. Nothing that is simulated ever asks this clock.

export function startStopwatch(): () => number {
  const startedAt = performance.now()
  return () => performance.now() - startedAt
}

/** A seed that nobody has tried yet. */
export function freshSeed(): number {
  return Date.now() % 1_000_000_000
}
