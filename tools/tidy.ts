// The rules of the house that no compiler and no linter keeps for us: who may import whom, what is
// dead, what is said twice, which words we do not use. Each rule reads the whole house and answers with
// findings; each finding says what to do instead. What Biome can check (lengths of files and functions,
// process.env, `any`) is in biome.json and not here.

import { createHash } from 'node:crypto'
import { posix } from 'node:path'
import { banned, emptyNames as emptyName } from './banned.ts'
import { dependenciesOf, dependencyReasons as why } from './dependencies-page.ts'
import {
  codeOf,
  type House,
  type Import,
  importsOf,
  isTest,
  isTypeScript,
  lineOf,
  packageOf,
  type SourceFile,
  withoutComments,
} from './house.ts'
import { adapters, roomOf, rooms } from './rooms.ts'

export type Finding = { path: string; line?: number; instead: string }
export type Rule = (house: House) => Finding[]

const sources = (house: House) => house.files.filter(isTypeScript)
const own = (house: House) => sources(house).filter((file) => !isTest(file))

/** Imports run one way, from room to room. */
export const importDirection: Rule = (house) =>
  own(house).flatMap((file) => {
    const from = roomOf(file.path)
    if (from === undefined)
      return [
        {
          path: file.path,
          instead: 'give its room a row in tools/rooms.ts, or move it into a room',
        },
      ]
    const { imports } = rooms[from]!
    if (imports === 'anything') return []
    return importsOf(file).flatMap((one): Finding[] => {
      if (one.path === null) return foreignImport(file.path, from, one.from)
      const to = roomOf(one.path)
      if (to === from || (to && imports.includes(to)) || isPort(one, from)) return []
      const allowed = imports.join(', ') || 'no other room'
      return [
        {
          path: file.path,
          instead: `${from} imports ${allowed}, never ${to ?? one.path}: declare what it needs as a port of its own and let app.ts wire it (an adapter may import the types of a ports.ts or …-ports.ts)`,
        },
      ]
    })
  })

/** Whoever fills a port names its type, and only its type: the port is its consumer's. */
function isPort(one: Import, room: string): boolean {
  return adapters.includes(room) && one.typeOnly && /[/-]ports\.ts$/.test(one.path ?? '')
}

const keptTo = {
  kysely: ['store', 'auth'],
  pg: ['store'],
  'node:sqlite': ['store'],
  '@nats-io/transport-node': ['bus'],
} as const

function foreignImport(path: string, room: string, from: string): Finding[] {
  const name = from.startsWith('node:') ? from : packageOf(from)
  if (room === 'core' && name !== 'typebox')
    return [
      { path, instead: `core imports nothing but typebox, not ${name}: hand it in as a parameter` },
    ]
  const keepers: readonly string[] | undefined = Object.hasOwn(keptTo, name)
    ? keptTo[name as keyof typeof keptTo]
    : undefined
  if (!keepers || keepers.includes(room)) return []
  return [
    { path, instead: `${name} stays in ${keepers.join(', ')}: ask for what is needed by a port` },
  ]
}

/** Values never go round in a circle: one of them would be undefined while the modules start. */
export const importCycles: Rule = (house) => {
  const files = new Map(sources(house).map((file) => [file.path, file]))
  const done = new Set<string>()
  const findings: Finding[] = []
  const visit = (path: string, trail: string[]) => {
    const file = files.get(path)
    if (!file || done.has(path)) return
    const before = trail.indexOf(path)
    if (before >= 0) {
      const circle = [...trail.slice(before), path].map((one) => posix.basename(one)).join(' → ')
      findings.push({
        path,
        instead: `break the circle ${circle}: move what both need into a third file`,
      })
      return
    }
    for (const one of importsOf(file))
      if (one.path && !one.typeOnly) visit(one.path, [...trail, path])
    done.add(path)
  }
  for (const path of files.keys()) visit(path, [])
  return findings
}

/** Every file is a test, is imported, or is started by name from a script, a worker or a document. */
export const deadFiles: Rule = (house) => {
  const imported = new Set(
    sources(house).flatMap((file) => importsOf(file).map(({ path }) => path)),
  )
  const scripts = house.files
    .filter(({ path }) => /\.(?:json|yml|yaml|sh|service|md|html)$|(?:run|Dockerfile)$/.test(path))
    .map(({ text }) => text)
  return sources(house)
    .filter(({ path }) => !imported.has(path) && !path.endsWith('.test.ts'))
    .filter(({ path }) => !/vite\.config\.ts$|\.d\.ts$/.test(path))
    .filter(({ path }) => !scripts.some((text) => text.includes(path)) && !isStarted(house, path))
    .map(({ path }) => ({
      path,
      instead: 'delete it, or import it where it is needed: nothing uses it',
    }))
}

/** Named by a program that starts it as a process of its own. */
function isStarted(house: House, path: string): boolean {
  return sources(house).some((file) => file.path !== path && file.text.includes(`'${path}'`))
}

/** Every package that is imported is declared where it is imported, and the other way round. */
export const dependencies: Rule = (house) => {
  const manifests = house.files.filter(({ path }) => posix.basename(path) === 'package.json')
  const root = manifestOf(house.read('package.json'))
  return manifests.flatMap(({ path, text }) => {
    const manifest = manifestOf(text)
    const folder = posix.dirname(path)
    const within = (file: SourceFile) => folder === '.' || file.path.startsWith(`${folder}/`)
    const used = new Set(
      sources(house)
        .filter((file) => within(file) && (folder === '.' || !isTest(file)))
        .flatMap(importsOf)
        .filter((one) => one.path === null && !/^(?:node:|virtual:)/.test(one.from))
        .map((one) => packageOf(one.from)),
    )
    const findings: Finding[] = Object.entries({
      ...manifest.dependencies,
      ...manifest.devDependencies,
    })
      .filter(([, version]) => /^[\^~]|[*x]$|latest/.test(version))
      .map(([name]) => ({ path, instead: `give ${name} an exact version` }))
    if (folder === '.') return findings
    const declared = { ...manifest.dependencies, ...manifest.devDependencies }
    for (const name of used)
      if (!Object.hasOwn(declared, name) && !Object.hasOwn(root.devDependencies ?? {}, name))
        findings.push({
          path,
          instead: `declare ${name}, which is imported here: npm i -E ${name} -w ${folder}`,
        })
    for (const name of Object.keys(manifest.dependencies ?? {}))
      if (!used.has(name) && !name.startsWith('@muster/') && anySource(house, folder))
        findings.push({ path, instead: `remove ${name}, which nothing here imports` })
    return findings
  })
}

type Manifest = { dependencies?: Record<string, string>; devDependencies?: Record<string, string> }
const manifestOf = (text: string | null): Manifest => JSON.parse(text || '{}')
const anySource = (house: House, folder: string) =>
  sources(house).some(({ path }) => path.startsWith(`${folder}/src/main.`))

/** Links of documents lead somewhere, down to the heading. */
export const deadLinks: Rule = (house) =>
  house.files
    .filter(({ path }) => path.endsWith('.md'))
    .flatMap(({ path, text }) => {
      const prose = text.replace(/^(```|~~~)[\s\S]*?^\1/gm, (code) => code.replace(/[^\n]/g, ' '))
      return Array.from(prose.matchAll(/\[[^\]]*\]\(([^)\s]+)\)/g))
        .filter((link) => !/^[a-z]+:/.test(link[1]!))
        .filter((link) => !leads(house, path, link[1]!))
        .map((link) => ({
          path,
          line: lineOf(prose, link.index),
          instead: `mend the link ${link[1]}: there is nothing at its end`,
        }))
    })

function leads(house: House, path: string, link: string): boolean {
  const [file, anchor] = link.split('#', 2) as [string, string?]
  const target = file ? posix.join(posix.dirname(path), file) : path
  const text = house.read(target)
  const folder = `${target.replace(/\/$/, '')}/`
  if (text === null) return !anchor && house.files.some((other) => other.path.startsWith(folder))
  return anchor === undefined || anchorsOf(text).includes(anchor)
}

function anchorsOf(text: string): string[] {
  return Array.from(text.matchAll(/^#+ (.+)$/gm), ([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

/** Words and calls that have a better one. */
export const bannedText: Rule = (house) =>
  house.files.flatMap((file) =>
    banned
      .filter(({ where, except }) => where.test(file.path) && !except?.test(file.path))
      .flatMap(({ text, within, instead }) => {
        const looked =
          within === 'code'
            ? codeOf(file.text)
            : within === 'source'
              ? withoutComments(file.text)
              : file.text
        return Array.from(looked.matchAll(text), (match) => ({
          path: file.path,
          line: lineOf(looked, match.index),
          instead: `${match[0].trim()}: ${instead}`,
        }))
      }),
  )

/** A name that fits any file says nothing about this one. */
export const emptyNames: Rule = (house) =>
  sources(house)
    .filter(({ path }) => emptyName.test(path))
    .map(({ path }) => ({ path, instead: 'name the file after what is in it' }))

/** A file opens with its idea. */
export const headComments: Rule = (house) =>
  own(house)
    .filter(({ text }) => !/^(?:#!.*\n)?(?:\/\/|\/\*\*)/.test(text))
    .map(({ path }) => ({
      path,
      line: 1,
      instead: 'open the file with its idea: what it is, why, and what was rejected',
    }))

/** Importing a module does nothing and leaves nothing behind that could change. */
export const moduleState: Rule = (house) =>
  own(house).flatMap(({ path, text }) =>
    Array.from(codeOf(text).matchAll(/^(?:export )?(?:let|var) \w+/gm), (match) => ({
      path,
      line: lineOf(text, match.index),
      instead: `${match[0]}: keep what changes in what a create… function returns`,
    })),
  )

/**
 * The lock file pins what is installed and not where it was downloaded. It is of use on every platform:
 * `npm ci` refuses one that lacks the optional packages of others.
 */
export const lockFile: Rule = (house) =>
  house.files
    .filter(({ path }) => posix.basename(path) === 'package-lock.json')
    .flatMap(({ path, text }) => {
      const locked: Record<string, Locked> = JSON.parse(text).packages ?? {}
      const names = new Set(Object.keys(locked).map((at) => at.split('node_modules/').at(-1)))
      const missing = Object.values(locked)
        .flatMap(({ optionalDependencies }) => Object.keys(optionalDependencies ?? {}))
        .filter((name) => !names.has(name))
      const addresses = Object.values(locked).filter(({ resolved }) => resolved?.includes(':'))
      return [
        ...missing.map((name) => ({
          path,
          instead: `lock ${name} too: pin a version that is published for every platform, then remove node_modules and this file and npm install`,
        })),
        ...addresses.map(({ resolved }) => ({
          path,
          instead: `remove ${resolved}: npm install --omit-lockfile-registry-resolved`,
        })),
      ]
    })

type Locked = {
  resolved?: string
  license?: string
  dev?: boolean
  optionalDependencies?: Record<string, string>
}

/** Licences under which we may hand on what we ship, beside our own Apache-2.0. */
const compatible =
  /^(?:MIT(?:-0)?|Apache-2\.0|ISC|0BSD|BSD-[23]-Clause|BlueOak-1\.0\.0|CC0-1\.0|Unlicense|Python-2\.0)$/

/** Licences under which we may use what we do not hand on, beside those. */
const compatibleHere = /^MPL-2\.0$/

/** What says its licence in a form that lock files do not carry; read in the package itself. */
const saidElsewhere: Readonly<Record<string, string>> = {
  ssh2: 'MIT',
  'cpu-features': 'MIT',
  buildcheck: 'MIT',
}

/** Everything that is installed has a licence that goes with ours; where there is a choice, one does. */
export const licences: Rule = (house) =>
  house.files
    .filter(({ path }) => posix.basename(path) === 'package-lock.json')
    .flatMap(({ path, text }) =>
      Object.entries<Locked>(JSON.parse(text).packages ?? {})
        .filter(([at]) => at.startsWith('node_modules/') && !at.includes('@muster/'))
        .map(([at, { license, dev = false }]) => ({
          at,
          dev,
          licence: license ?? saidElsewhere[at.slice(at.lastIndexOf('node_modules/') + 13)],
        }))
        .filter(({ licence, dev }) => !isCompatible(licence ?? '', dev))
        .map(({ at, licence }) => ({
          path,
          instead: `replace ${at}, whose licence is ${licence ?? 'not known'}`,
        })),
    )

function isCompatible(licence: string, dev: boolean): boolean {
  const choices = licence.replace(/[()]/g, '').split(' OR ')
  const fits = (one: string) => compatible.test(one) || (dev && compatibleHere.test(one))
  return choices.some((choice) => choice.split(' AND ').every(fits))
}

/** Every dependency has a line that says why it is there. */
export const dependencyReasons: Rule = (house) => {
  const used = dependenciesOf(house)
  const missing = [...used.keys()].filter((name) => !Object.hasOwn(why, name))
  const stale = Object.keys(why).filter((name) => used.size > 0 && !used.has(name))
  const path = 'tools/dependencies-page.ts'
  return [
    ...missing.map((name) => ({ path, instead: `say why ${name} is there, or remove it` })),
    ...stale.map((name) => ({ path, instead: `remove the line of ${name}, which is not used` })),
  ]
}

/** Tests are named after what they test, not counted. */
export const testNames: Rule = (house) =>
  house.files
    .filter(({ path }) => /(?:^|\/)\d[^/]*\.test\.tsx?$|\d\.test\.tsx?$/.test(path))
    .map(({ path }) => ({ path, instead: 'name the test file after the file that it tests' }))

/** Every row of a registry is used by somebody: codes and reasons that nobody gives are noise. */
export function unusedCodes(registry: string, codes: readonly string[]): Rule {
  return (house) => {
    const users = own(house).filter(({ path }) => path !== registry && path.startsWith('packages/'))
    return codes
      .filter((code) => !users.some(({ text }) => text.includes(`'${code}'`)))
      .map((code) => ({
        path: registry,
        instead: `delete ${code}, which nothing gives as an answer`,
      }))
  }
}

const migrationsDir = 'packages/server/src/store/migrations/'
export const migrationsRecord = 'tools/migrations.json'

/** Name and hash of each migration file that there is, in order. */
export function migrationHashes(house: House): [name: string, hash: string][] {
  return house.files
    .filter(
      ({ path }) =>
        path.startsWith(migrationsDir) && /\/\d[^/]*\.ts$/.test(path) && !isTest({ path }),
    )
    .toSorted((a, b) => (a.path < b.path ? -1 : 1))
    .map(({ path, text }) => [
      path.slice(migrationsDir.length),
      createHash('sha256').update(text).digest('hex').slice(0, 16),
    ])
}

/** A migration that was released never changes; new ones come after it. */
export const migrationsAppend: Rule = (house) => {
  const recorded = Object.entries<string>(JSON.parse(house.read(migrationsRecord) || '{}'))
  const present = migrationHashes(house)
  const findings: Finding[] = []
  for (const [i, [name, hash]] of recorded.entries()) {
    const path = migrationsDir + name
    const [foundName, foundHash] = present[i] ?? []
    if (foundName !== name)
      findings.push({ path, instead: 'put it back where it stood: migrations only append' })
    else if (foundHash !== hash)
      findings.push({
        path,
        instead:
          'undo the change and append a migration, for databases have run this one; if none has, delete its line from tools/migrations.json and npm run generate',
      })
  }
  for (const [name] of present.slice(recorded.length))
    findings.push({ path: migrationsDir + name, instead: 'record it: npm run generate' })
  return findings
}
