// The agent as devices have it: one file, run by the Node that the device's system brings.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { rootDir } from '../tools/house.ts'
import { openStage, standing } from './fixtures.ts'

const oldestNode = 20
const node = systemNode()

test('the bundled agent runs on the Node of the system, alone in a folder', {
  skip: node === null && `there is no Node ${oldestNode} or newer in /usr/bin`,
}, async () => {
  const build = ['run', 'build', '--silent', '--workspace', '@muster/agent']
  execFileSync('npm', build, { cwd: rootDir, stdio: ['ignore', 'ignore', 'ignore'] })
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

function systemNode(): string | null {
  try {
    const path = '/usr/bin/node'
    const version = execFileSync(path, ['--version'], { encoding: 'utf8' })
    return Number(version.slice(1).split('.')[0]) >= oldestNode ? path : null
  } catch {
    return null
  }
}
