// How far a program and a server may differ in version. What a server of a later minor version says
// beyond what a program knows is passed over, so it is no trouble; before 1.0 each minor version may
// change what there was, as Semantic Versioning has it.

/** In the answers of the API to whoever is signed in. */
export const versionHeader = 'muster-version'

/** Null: they understand each other. */
export function versionGap(own: string, server: string): 'server-older' | 'server-newer' | null {
  const [a, b] = [numbersOf(own), numbersOf(server)]
  if (!a || !b) return null
  if (b.major < a.major || (b.major === a.major && b.minor < a.minor)) return 'server-older'
  const isBreaking = b.major > a.major || (a.major === 0 && b.minor > a.minor)
  return isBreaking ? 'server-newer' : null
}

function numbersOf(version: string) {
  const [, major, minor] = /^(\d+)\.(\d+)\./.exec(version) ?? []
  return major === undefined ? null : { major: Number(major), minor: Number(minor) }
}
