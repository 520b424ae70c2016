// `npm run generate` writes what is generated; with --check it writes nothing and fails when something
// is not as it would be written.

import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { staleFiles } from './generated.ts'
import { openHouse, rootDir } from './house.ts'

const { values: options } = parseArgs({ options: { check: { type: 'boolean', default: false } } })
const house = openHouse()
const stale = await staleFiles(house)
for (const [path, text] of stale) {
  console.log(options.check ? `${path} is stale: npm run generate` : `wrote ${path}`)
  if (options.check) continue
  mkdirSync(dirname(resolve(rootDir, path)), { recursive: true })
  writeFileSync(resolve(rootDir, path), text)
}
process.exitCode = options.check && stale.size > 0 ? 1 : 0
