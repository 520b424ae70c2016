// Exit codes of `muster` and `muster-agent`, by kind of failure; errors.ts says what each means.

export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  refused: 4,
  conflict: 5,
  unreachable: 6,
} as const
