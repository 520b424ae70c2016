// Whether output is coloured. The word on the command line decides, then NO_COLOR, then FORCE_COLOR,
// then whether a terminal is there that can do it. Colour never carries the meaning alone.

export const colors = ['auto', 'always', 'never'] as const
export type Color = (typeof colors)[number]

export function hasColour(
  color: Color | undefined,
  env: Record<string, string | undefined>,
  isTerminal: boolean,
): boolean {
  if (color === 'always' || color === 'never') return color === 'always'
  if (env.NO_COLOR) return false
  if (env.FORCE_COLOR) return env.FORCE_COLOR !== '0'
  return isTerminal && env.TERM !== 'dumb'
}
