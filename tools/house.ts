// The repository as its own tests and generators see it: its files, their text, and who imports whom.
// Files are read from the disk and not from git, so that a fault shows before it is committed.
//
// TypeScript 7 has no compiler API for JavaScript, and a bundler follows only what it can resolve, so
// imports are read from the text, with comments taken out first. Our imports are all literal and all
// name their file, which is what makes that exact.

import { readdirSync, readFileSync } from 'node:fs'
import { posix, resolve } from 'node:path'

export type SourceFile = { path: string; text: string }

export type House = {
  files: readonly SourceFile[]
  /** The text of a file, or null where there is none. */
  read(path: string): string | null
}

export type Import = {
  /** As it is written. */
  from: string
  /** The file of this repository that is meant, or null for a package. */
  path: string | null
  typeOnly: boolean
}

export const rootDir = resolve(import.meta.dirname, '..')

const textual =
  /\.(?:ts|tsx|mts|js|json|md|css|html|yml|yaml|sh|service|sql)$|(?:^|\/)(?:run|Dockerfile)$/

/** What is made or fetched, and so is none of the house's own. */
const outside = /^(?:\.git|node_modules|dist|data)$/

/** The repository that this file is in. */
export function openHouse(): House {
  const paths = pathsIn('')
  const files = paths
    .filter((path) => textual.test(path))
    .map((path) => ({ path, text: readFileSync(resolve(rootDir, path), 'utf8') }))
  return houseOf(files, new Set(paths))
}

function pathsIn(folder: string): string[] {
  return readdirSync(resolve(rootDir, folder), { withFileTypes: true })
    .filter(({ name }) => !outside.test(name))
    .flatMap((entry) => {
      const path = posix.join(folder, entry.name)
      return entry.isDirectory() ? pathsIn(path) : [path]
    })
    .sort()
}

/** A house of these files alone; `paths` names those whose text is of no interest, too. */
export function houseOf(
  files: readonly SourceFile[],
  paths: ReadonlySet<string> = new Set(),
): House {
  const texts = new Map(files.map(({ path, text }) => [path, text]))
  return { files, read: (path) => texts.get(path) ?? (paths.has(path) ? '' : null) }
}

export function isTypeScript({ path }: { path: string }): boolean {
  return /\.tsx?$/.test(path)
}

/** Tests, and what only tests use: they may reach across rooms. */
export function isTest({ path }: { path: string }): boolean {
  return /\.test\.tsx?$|(?:^|\/)fixtures\.ts$|\.fixtures\.ts$/.test(path)
}

const token =
  /\/\/[^\n]*|\/\*[\s\S]*?\*\/|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\[\s\S]|[^`\\])*`|(?<=(?:^|[(,=:[!&|?{};\n]|=>|return)[ \t]*)\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\//g

/** The source with its comments blanked out, every other character in its place. */
export function withoutComments(text: string): string {
  return text.replace(token, (found) =>
    found.startsWith('//') || found.startsWith('/*') ? found.replace(/[^\n]/g, ' ') : found,
  )
}

/** The source with comments blanked out and strings emptied: words that are left are code. */
export function codeOf(text: string): string {
  return text.replace(token, (found) => found.replace(/[^\n]/g, ' '))
}

const statement =
  /^[ \t]*(?:import|export)\b(?:[ \t]+(type)\b)?[^'"`;=]*?\bfrom\s*['"]([^'"]+)['"]/gm
const bare = /^[ \t]*import\s*['"]([^'"]+)['"]/gm
const expression =
  /\bimport(?:\.meta\.resolve)?\(\s*['"]([^'"]+)['"]|\bnew URL\(\s*['"](\.[^'"]+)['"]\s*,\s*import\.meta\.url/g

/** Whom a TypeScript file imports, workers and dynamic imports included. */
export function importsOf({ path, text }: SourceFile): Import[] {
  const code = withoutComments(text)
  const found = [
    ...Array.from(code.matchAll(statement), (m) => ({ from: m[2]!, typeOnly: m[1] === 'type' })),
    ...Array.from(code.matchAll(bare), (m) => ({ from: m[1]!, typeOnly: false })),
    ...Array.from(code.matchAll(expression), (m) => ({ from: (m[1] ?? m[2])!, typeOnly: false })),
  ]
  return found.map((one) => ({ ...one, path: pathOf(one.from, path) }))
}

function pathOf(from: string, importer: string): string | null {
  if (from.startsWith('.')) return posix.join(posix.dirname(importer), from)
  const own = /^@muster\/([^/]+)\/(.+)$/.exec(from)
  return own ? `packages/${own[1]}/src/${own[2]}` : null
}

/** The name of the package that an import means, without the path within it. */
export function packageOf(from: string): string {
  return from.split('/', from.startsWith('@') ? 2 : 1).join('/')
}

export function lineOf(text: string, index: number): number {
  return text.slice(0, index).split('\n').length
}
