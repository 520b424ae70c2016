// The word that was probably meant.

/** The nearest of `known`, if it is near: at most two letters off, and fewer than a half of them. */
export function nearestOf(word: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((one) => ({ one, distance: distanceOf(word.toLowerCase(), one.toLowerCase()) }))
    .filter(({ one, distance }) => distance <= 2 && distance * 2 < one.length)
    .sort((a, b) => a.distance - b.distance)
  return ranked[0]?.one
}

/** Letters to add, take away or change, to make one word of the other. */
function distanceOf(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1]
    for (let j = 0; j < b.length; j++) {
      const changed = row[j]! + (letter === b[j] ? 0 : 1)
      next.push(Math.min(changed, row[j + 1]! + 1, next[j]! + 1))
    }
    row = next
  }
  return row[b.length]!
}
