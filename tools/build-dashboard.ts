// Builds the dashboard where it is not built, or older than what it is made from. `npm start`, `npm run
// demo` and the tests begin with it, so that nobody has to remember; a build that is up to date costs a
// few milliseconds.

import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { rootDir } from './house.ts'

const madeFrom = ['packages/dashboard', 'packages/core/src']
const made = resolve(rootDir, 'packages/dashboard/dist/index.html')

export function buildDashboardIfStale(): void {
  if (existsSync(made) && newestAt(madeFrom) < statSync(made).mtimeMs) return
  const vite = resolve(rootDir, 'node_modules/vite/bin/vite.js')
  if (!existsSync(vite)) {
    console.log('The dashboard is not built anew: that needs what `npm ci --omit=dev` leaves out.')
    return
  }
  const { status } = spawnSync(process.execPath, [vite, 'build', '--logLevel', 'warn'], {
    cwd: resolve(rootDir, 'packages/dashboard'),
    stdio: 'inherit',
  })
  if (status !== 0) throw new Error('the dashboard could not be built')
}

function newestAt(folders: readonly string[]): number {
  const times = folders.flatMap((folder) =>
    readdirSync(resolve(rootDir, folder), { recursive: true, encoding: 'utf8' })
      .filter((path) => !/^(?:dist|node_modules)(?:\/|$)/.test(path))
      .map((path) => resolve(rootDir, folder, path))
      .map((path) => statSync(path))
      .map((stat) => (stat.isFile() ? stat.mtimeMs : 0)),
  )
  return Math.max(...times)
}

if (import.meta.main) buildDashboardIfStale()
