// Chance from a seed: the same seed gives the same numbers on every machine. One stream serves the
// whole run, because the simulated clock calls everything in one order.

export type Random = ReturnType<typeof createRandom>

export function createRandom(seed: number) {
  let state = (seed ^ 0x9e3779b9) >>> 0

  /** In [0, 1): mulberry32. */
  function next(): number {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }

  const between = (low: number, high: number) => low + Math.floor(next() * (high - low + 1))

  return {
    next,
    /** A whole number, both ends included. */
    between,
    chance: (probability: number) => probability > 0 && next() < probability,
    pick<T>(list: readonly T[]): T {
      return list[Math.floor(next() * list.length)]!
    },
    /** A span around `meanMs`, as between things that have no memory; at least 1 ms. */
    wait: (meanMs: number) => Math.max(1, Math.ceil(-Math.log(1 - next()) * meanMs)),
    /** Between two bounds, each order of magnitude as likely as the other. */
    magnitude: (low: number, high: number) =>
      Math.round(Math.exp(Math.log(low) + next() * (Math.log(high) - Math.log(low)))),
  }
}
