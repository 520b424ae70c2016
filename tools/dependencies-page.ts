// docs/reference/dependencies.md: what Muster is built from, and why each part of it is there. A
// manifest has no room for a reason, so the reasons are kept here, and a test keeps the two together.

import type { House } from './house.ts'
import { code, generatedFrom, tableOf } from './markdown.ts'

export const dependencyReasons: Readonly<Record<string, string>> = {
  '@biomejs/biome': 'Formats and lints, as one program with one configuration.',
  '@fastify/formbody': 'Form-urlencoded bodies, in which existing devices register.',
  '@fastify/swagger': 'OpenAPI from the schemas that validate the requests.',
  '@fastify/type-provider-typebox': 'Types of requests and answers from the same schemas.',
  '@mantine/core': 'The components of the dashboard: accessible, in light and dark.',
  '@mantine/hooks': 'Keys and titles of the dashboard.',
  '@nats-io/transport-node': 'The bus between replicas.',
  '@seriousme/openapi-schema-validator': 'Holds the OpenAPI document to its standard, in tests.',
  '@tanstack/react-query': 'What the dashboard has read, and when to read it again.',
  '@tanstack/react-router': 'Typed addresses of the dashboard, filters included.',
  '@tanstack/react-virtual': 'Which rows of a long table are in view.',
  '@types/node': 'Types of Node.',
  '@types/pg': 'Types of pg.',
  '@types/react': 'Types of react.',
  '@types/react-dom': 'Types of react-dom.',
  '@types/ssh2': 'Types of ssh2.',
  '@types/ws': 'Types of ws.',
  '@vitejs/plugin-react': 'JSX of the dashboard, for vite.',
  '@xterm/addon-fit': 'The terminal in the size of its place.',
  '@xterm/xterm': 'The terminal of the dashboard, loaded when one is opened.',
  'axe-core':
    'Finds what shuts people out of a page, in browser tests; a tool of tests, under the MPL.',
  commander: 'Arguments, help and usage errors of the command line.',
  esbuild: 'Bundles the agent and the command line into one file each.',
  'fast-check': 'Properties over seeded arbitrary inputs, with shrinking, in tests.',
  fastify: 'The HTTP server: routes, validation, hooks, injection in tests.',
  kysely: 'Typed SQL over SQLite and PostgreSQL alike.',
  'oidc-provider': 'A real provider of OpenID Connect to sign in at, in tests.',
  'openid-client': 'The relying party of OpenID Connect, certified by its foundation.',
  otpauth: 'One-time codes by time (RFC 6238) and their otpauth:// addresses.',
  node: 'The Node that the sources run on, so that npm ci brings the right one.',
  pg: 'PostgreSQL.',
  'playwright-core': 'Drives the Chromium of the system, in browser tests.',
  pino: 'Structured logs that cost next to nothing.',
  'prom-client': 'Metrics in the format of Prometheus.',
  react: 'The dashboard.',
  'react-dom': 'The dashboard in a browser.',
  ssh2: 'Speaks SSH to the sshd of a device, for terminals in a browser; without its native parts.',
  typebox: 'Schemas that are validation, types and OpenAPI at once.',
  typescript: 'The types, checked.',
  vite: 'Builds the dashboard into the files that the server hands out.',
  ws: 'WebSockets for cloudlink, in the server and in the agent: what Node has of its own takes no headers and serves none.',
}

type Manifest = {
  name: string
  dependencies?: Record<string, string>
  devDependencies?: Record<string, string>
}

type Dependency = { version: string; users: string[] }

export function dependenciesPage(house: House): string {
  const locked = JSON.parse(house.read('package-lock.json') || '{}').packages ?? {}
  return `# Dependencies

${generatedFrom('the manifests, the lock file and tools/dependencies-page.ts')}

What a well-kept library does, we do not write; what a few lines do, we do not import. Versions are exact.

${tableOf(
  ['Package', 'Version', 'Licence', 'Used by', 'Why'],
  [...dependenciesOf(house)].map(([name, { version, users }]) => [
    code(name),
    version,
    locked[`node_modules/${name}`]?.license ?? '',
    users.join(', '),
    dependencyReasons[name] ?? '',
  ]),
)}
`
}

/** Every package of others that a manifest of ours names, by name. */
export function dependenciesOf(house: House): Map<string, Dependency> {
  const found = new Map<string, Dependency>()
  for (const { path, text } of house.files.filter(({ path }) =>
    /(?:^|\/)package\.json$/.test(path),
  )) {
    const manifest: Manifest = JSON.parse(text)
    const user = path === 'package.json' ? 'the workshop' : manifest.name.replace('@muster/', '')
    const declared = { ...manifest.dependencies, ...manifest.devDependencies }
    for (const [name, version] of Object.entries(declared)) {
      if (name.startsWith('@muster/')) continue
      const known = found.get(name)
      if (known) known.users.push(user)
      else found.set(name, { version, users: [user] })
    }
  }
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)))
}
