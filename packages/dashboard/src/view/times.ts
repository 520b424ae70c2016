// Times and spans of time as people read them: spans in two units, moments as short as their distance
// allows. What is hovered says all of it, with UTC.

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
] as const

/** In the largest unit that fits and the one below it: `1 min 5 s`, `2 h`. */
export function spanText(ms: number): string {
  const rounded = Math.max(0, Math.round(ms / 1_000)) * 1_000
  const at = units.findIndex(([, size]) => rounded >= size)
  if (at < 0) return '0 s'
  const [unit, size] = units[at]!
  const below = units[at + 1]
  const rest = below ? Math.floor((rounded % size) / below[1]) : 0
  const first = `${Math.floor(rounded / size)} ${unit}`
  return below && rest > 0 ? `${first} ${rest} ${below[0]}` : first
}

/** The time of day, with its date where it is of another day than `now`. */
export function momentText(at: number, now: number): string {
  const time = new Date(at).toLocaleTimeString(undefined, { hour12: false })
  if (new Date(at).toDateString() === new Date(now).toDateString()) return time
  const date = new Date(at).toLocaleDateString(undefined, {
    day: 'numeric',
    month: 'short',
    ...(new Date(at).getFullYear() === new Date(now).getFullYear() ? {} : { year: 'numeric' }),
  })
  return `${date}, ${time}`
}
