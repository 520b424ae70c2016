// What stops a start: a database of a newer version, and wrong settings, all of them told at once.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { exitCodes } from '@muster/core/errors.ts'
import { programs } from '../tools/processes.ts'
import { openStage, runSql, stores } from './fixtures.ts'

const fromTheFuture = `insert into kysely_migration (name, timestamp) values ('9999-later', '2100')`

for (const store of stores)
  test(`a database that a newer version has written is refused and left alone (${store.name})`, {
    skip: store.skip,
  }, async () => {
    await using stage = await openStage({ store })
    await stage.server.stop()
    await runSql(stage, fromTheFuture)
    const env = { MUSTER_PORT: String(stage.server.port), MUSTER_DATA_DIR: stage.folder }
    const refused = await stage.crew.run([programs.server], { env: { ...env, ...stage.settings } })
    assert.equal(refused.code, exitCodes.failed)
    assert.match(refused.err, /newer version[\s\S]*9999-later[\s\S]*Nothing was changed/)
    await runSql(stage, `delete from kysely_migration where name = '9999-later'`)
    await stage.server.start()
    assert.equal((await stage.api.fleets.read('yard')).name, 'Yard')
  })

test('wrong settings stop the start with 2, and every mistake is named', async () => {
  await using stage = await openStage()
  const { code, err } = await stage.crew.run([programs.server], {
    env: {
      MUSTER_PORT: 'eighty',
      MUSTER_DATABASE_URL: 'mysql://localhost/muster',
      MUSTER_ADMIN_EMAIL: 'nobody',
      MUSTER_LOG_LEVEL: 'loud',
      MUSTER_TLS_CERT: join(stage.folder, 'cert.pem'),
    },
  })
  assert.equal(code, exitCodes.usage)
  for (const name of [
    'MUSTER_PORT',
    'MUSTER_DATABASE_URL',
    'MUSTER_ADMIN_EMAIL',
    'MUSTER_LOG_LEVEL',
    'MUSTER_TLS_KEY',
  ])
    assert.ok(err.includes(name), `${name} in:\n${err}`)
  assert.ok(!err.includes('    at '), 'a person reads this, so it holds no stack')
})

test('a port that is taken is said in one line', async () => {
  await using stage = await openStage()
  const { code, err } = await stage.crew.run([programs.server], {
    env: { MUSTER_PORT: String(stage.server.port), MUSTER_DATA_DIR: join(stage.folder, 'second') },
  })
  assert.notEqual(code, 0)
  assert.match(err, new RegExp(`port ${stage.server.port} is in use`))
})
