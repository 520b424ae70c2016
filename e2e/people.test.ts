// The command line as somebody new uses it: signs in, makes a fleet and a key, starts a device, looks
// at it, cares for it, and lets it go.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { exitCodes } from '@muster/core/errors.ts'
import { programs } from '../tools/processes.ts'
import { administrator, openStage, until } from './fixtures.ts'

test('a new user gets from signing in to a device that comes, changes and goes', async () => {
  await using stage = await openStage()
  const home = { XDG_CONFIG_HOME: join(stage.folder, 'home'), TZ: 'UTC' }
  const muster = (words: string, more = {}) =>
    stage.crew.run([programs.muster, ...words.split(' ')], { env: { ...home, ...more } })
  const good = async (words: string, says: RegExp) => {
    const { code, out, err } = await muster(words)
    assert.equal(code, 0, `${words}: ${err}`)
    assert.match(`${out}${err}`, says)
    return out
  }
  const refused = async (words: string, exit: number, says: RegExp, more = {}) => {
    const { code, out, err } = await muster(words, more)
    assert.equal(code, exit, `${words}: ${out}${err}`)
    assert.match(err, says)
  }

  await refused('device list', exitCodes.refused, /muster login/)
  const login = `login --server ${stage.server.url} --email ${administrator.MUSTER_ADMIN_EMAIL}`
  const wrong = { MUSTER_PASSWORD: 'wrong horse battery' }
  await refused(login, exitCodes.refused, /do not match/, wrong)
  const signedIn = await muster(login, { MUSTER_PASSWORD: administrator.MUSTER_ADMIN_PASSWORD })
  assert.equal(signedIn.code, 0, signedIn.err)
  await good('whoami', /ada@example\.org/)

  const policy = '--heartbeat-interval 2s --heartbeat-grace 1s --cloudlink off'
  await good(`fleet create Garden ${policy}`, /garden/)
  await good(`fleet create Orchard ${policy}`, /orchard/)
  await refused('fleet create Garden', exitCodes.conflict, /exists already/)
  const key = (await good('provisioning-key create garden --name first', /Keep it now/)).trim()
  const agent = stage.newAgent('quiet-river', { env: { MUSTER_AGENT_PROVISIONING_KEY: key } })
  agent.start()
  await stage.untilStatus(agent.uuid, 'operational')
  await good('provisioning-key list garden', /first/)
  await good('fleet list', /1 Operational/)
  await good('device list --status operational', /quiet-river/)
  await good('device show quiet-river', /Every channel that its policy asks for is working/)
  await good(`device show ${agent.uuid.slice(0, 7)}`, /quiet-river/)
  await refused('device show nobody', exitCodes.notFound, /no such device/)

  const watching = stage.crew.start([programs.muster, 'device', 'watch', 'quiet-river'], {
    env: home,
  })
  await until('the first line of watch', () => (watching.said().includes('Operational') ? 1 : null))
  await refused('device deactivate quiet-river --yes', exitCodes.conflict, /in contact/)
  await agent.process.stop()
  await until('the goodbye on watch', () =>
    /Operational → Disconnected .*clean shutdown/.test(watching.said()) ? 1 : null,
  )
  await watching.stop('SIGINT')

  await good('device tag quiet-river floor=2 site=north', /floor=2/)
  await good('device tag quiet-river --remove site', /^floor=2$/m)
  await good('device list --tag floor=2', /quiet-river/)
  await good('device rename quiet-river pump-7', /pump-7/)
  await good('device move pump-7 orchard', /orchard/)
  await good('device history pump-7', /Operational[\s\S]*Post Provisioning/)
  await good('device deactivate pump-7 --yes', /Inactive/)
  await refused('device delete pump-7', exitCodes.usage, /--yes/)
  await good('device delete pump-7 --yes', /is deleted/)
  await refused('device show pump-7', exitCodes.notFound, /no such device/)
  await good('provisioning-key revoke garden 2 --yes', /revoked/)
  await good('logout', /Signed out/)
  await refused('device list', exitCodes.refused, /muster login/)
  await stage.server.stop()
  const away = { MUSTER_SERVER: stage.server.url, MUSTER_TOKEN: 'x' }
  await refused('device list', exitCodes.unreachable, /cannot be reached/, away)
})
