// The rooms of the house and the doors between them: DESIGN section 4, as a table. A file belongs to
// the room of the longest prefix of its path.

type Room = { at: readonly string[]; imports: readonly string[] | 'anything' }

const features = [
  'presence',
  'registry',
  'cloudlink',
  'actions',
  'audit',
  'history',
  'bulk',
  'terminal',
  'device-urls',
  'health',
]
/** They fill the ports of the features. */
export const adapters: readonly string[] = ['store', 'bus', 'auth']
const faces = ['api', 'device-api']
const server = (name: string) => `packages/server/src/${name}`

export const rooms: Readonly<Record<string, Room>> = {
  core: { at: ['packages/core/'], imports: [] },
  ...Object.fromEntries(
    [...features, ...adapters].map((name) => [
      name,
      { at: [server(`${name}/`)], imports: ['core'] },
    ]),
  ),
  ...Object.fromEntries(
    faces.map((name) => [name, { at: [server(`${name}/`)], imports: ['core', ...features] }]),
  ),
  config: { at: [server('config.ts')], imports: ['core'] },
  app: {
    at: [server('app.ts'), server('app/')],
    imports: ['core', 'config', ...features, ...adapters, ...faces],
  },
  manifest: { at: ['packages/server/package.json'], imports: [] },
  main: { at: [server('main.ts')], imports: ['core', 'config', 'app', 'manifest'] },
  agent: { at: ['packages/agent/'], imports: ['core'] },
  cli: { at: ['packages/cli/'], imports: ['core'] },
  dashboard: { at: ['packages/dashboard/'], imports: ['core'] },
  workshop: { at: ['sim/', 'bench/', 'fuzz/', 'e2e/', 'tools/'], imports: 'anything' },
}

/** The room of a file, or undefined for one that stands outside. */
export function roomOf(path: string): string | undefined {
  return Object.keys(rooms).find((name) =>
    rooms[name]!.at.some((prefix) => path.startsWith(prefix)),
  )
}
