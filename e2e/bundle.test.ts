// The agent as devices have it, and the command line as people have it: each is one file, run by the Node
// that the system brings.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { copyFileSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { rootDir } from '../tools/house.ts'
import { administrator, openStage, standing } from './fixtures.ts'

const oldestNode = 20
const node = systemNode()

const skip = node === null && `there is no Node ${oldestNode} or newer in /usr/bin`

const npm = (...words: string[]) =>
  execFileSync('npm', [...words, '--silent'], {
    cwd: rootDir,
    stdio: ['ignore', 'ignore', 'ignore'],
  })

test('the bundled agent runs on the Node of the system, alone in a folder', { skip }, async () => {
  npm('run', 'build', '--workspace', '@muster/agent')
  await using stage = await openStage()
  const program = join(stage.folder, 'muster-agent.js')
  copyFileSync(join(rootDir, 'packages/agent/dist/muster-agent.js'), program)
  const agent = await stage.runAgent('buoy', { program, node: node! })
  const { out } = await agent.tell('status')
  assert.match(out, /Operational/)
  await agent.process.stop('SIGKILL')
  agent.start()
  await agent.untilAnswers()
  await agent.tell('goodbye', '--cause=reboot', '--expected-back=1m')
  assert.equal((await agent.process.stop()).code, 0)
  const view = await stage.untilStatus(agent.uuid, 'disconnected')
  assert.equal(standing(view), 'disconnected: goodbye')
  assert.equal(view.status.reasons[0]!.evidence.cause, 'reboot')
})

test('the command line is packed, installed by npm without a network, and runs on the Node of the system', {
  skip,
}, async () => {
  await using stage = await openStage()
  const { folder } = stage
  npm('run', 'build', '--workspace', '@muster/cli')
  npm('pack', '--workspace', '@muster/cli', '--pack-destination', folder)
  const packed = readdirSync(folder).find((name) => name.endsWith('.tgz'))!
  npm('install', '--global', '--offline', '--prefix', join(folder, 'prefix'), join(folder, packed))
  const program = join(folder, 'prefix/bin/muster')
  const env = {
    HOME: folder,
    MUSTER_SERVER: stage.server.url,
    MUSTER_TOKEN: administrator.MUSTER_ADMIN_TOKEN,
  }
  const said = (...words: string[]) =>
    execFileSync(node!, [program, ...words], { env, encoding: 'utf8' })
  const { version } = JSON.parse(readFileSync(join(rootDir, 'packages/cli/package.json'), 'utf8'))
  assert.equal(said('--version').trim(), version)
  assert.deepEqual(
    JSON.parse(said('fleet', 'list', '--json')).items.map(({ slug }: { slug: string }) => slug),
    ['yard'],
  )
  for (const shell of ['bash', 'zsh', 'fish']) assert.match(said('completion', shell), /muster/)
  assert.ok(readdirSync(join(folder, 'prefix/share/man/man1')).includes('muster.1'))
})

function systemNode(): string | null {
  try {
    const path = '/usr/bin/node'
    const version = execFileSync(path, ['--version'], { encoding: 'utf8' })
    return Number(version.slice(1).split('.')[0]) >= oldestNode ? path : null
  } catch {
    return null
  }
}
