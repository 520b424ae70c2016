// `npm run fuzz`: the whole API, mistreated for as long as one likes.
//
//   npm run fuzz -- --minutes 10 --seed 7        on SQLite
//   npm run fuzz -- --postgres postgres://…      each life in a database of its own there

import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { openDatabase } from '../packages/server/src/store/database.ts'
import { fuzz } from './run.ts'

const { values: options } = parseArgs({
  options: {
    seed: { type: 'string' },
    minutes: { type: 'string', default: '1' },
    postgres: { type: 'string' },
  },
})
const seed = Number(options.seed ?? randomInt(2 ** 31))
console.log(`seed ${seed}`)
if (options.postgres) process.env.MUSTER_TEST_POSTGRES_URL = options.postgres
const { createPostgresDatabase } = await import('../packages/server/src/fixtures.ts')
const { lives, requests, answered, heapGrownBytes } = await fuzz({
  seed,
  durationMs: Number(options.minutes) * 60_000,
  open: async () =>
    openDatabase(
      options.postgres
        ? { kind: 'postgres', url: await createPostgresDatabase() }
        : { kind: 'memory' },
    ),
})
for (const [name, byStatus] of [...answered].sort())
  console.log(name, Object.fromEntries([...byStatus].sort(([a], [b]) => a - b)))
console.log(
  `${requests} requests in ${lives} lives, all answered as documented; the heap grew by ${(heapGrownBytes / 1e6).toFixed(1)} MB`,
)
