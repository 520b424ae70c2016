// docs/start/first-fleet.md, walked as it is written: its commands are read from the page and run, and
// what it says that the watcher shows is what the watcher showed. Only the address, the folder and the
// way in which a command is found are those of this test.

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { rootDir } from '../tools/house.ts'
import { openCrew, programs, type Running, startServer } from '../tools/processes.ts'
import { freePort } from '../tools/services.ts'

const withinMs = 60_000

test('the walk to a first fleet is as its page says', async () => {
  const page = readFileSync(resolve(rootDir, 'docs/start/first-fleet.md'), 'utf8')
  const dir = mkdtempSync(join(tmpdir(), 'muster-walk-'))
  const port = await freePort()
  const blocksOf = (kind: string) =>
    Array.from(page.matchAll(new RegExp(`^\`\`\`${kind}\\n(.*?)^\`\`\``, 'gms')), ([, text]) =>
      text!
        .trim()
        .replaceAll('localhost:8080', `localhost:${port}`)
        .replaceAll('data/gate', join(dir, 'gate')),
    )
  const [, serve, signIn, makeFleet, makeKey, runAgent, watch, kill, why, past, ...more] = blocksOf(
    'sh',
  ) as [string, ...string[]] & Record<number, string>
  const [goodbye, lost, ...moreShown] = blocksOf('text')
  assert.deepEqual([more, moreShown], [[], []], 'every block of the page is walked')

  const crew = openCrew()
  const env: Record<string, string> = { XDG_CONFIG_HOME: dir, MUSTER_DATA_DIR: join(dir, 'server') }
  const run = async (block: string): Promise<string> => {
    const names = ['muster', 'agent'] as const
    const found = names.map(
      (name) =>
        `${name === 'agent' ? 'muster-agent' : name}() { '${process.execPath}' '${programs[name]}' "$@"; }`,
    )
    const script = [...found, 'set -e', block].join('\n')
    const { code, out, err } = await crew.run([script], { through: ['bash'], node: '-c', env })
    assert.equal(code, 0, `${block}\n${out}${err}`)
    return out
  }
  /** Left running, as in a terminal of its own. */
  const leave = (block: string): Running => {
    const [name, ...words] = block.replace('"$KEY"', env.KEY ?? '').split(' ')
    return crew.start([name === 'muster' ? programs.muster : programs.agent, ...words], { env })
  }
  try {
    const token = /^MUSTER_ADMIN_TOKEN=(\S+) npm start$/.exec(serve!)?.[1]
    await startServer(crew, { port, env: { ...env, MUSTER_ADMIN_TOKEN: token! } })
    await run(signIn!)
    await run(makeFleet!)
    env.KEY = (await run(`${makeKey}\nprintf %s "$KEY"`)).trim()
    const watcher = leave(watch!)
    const shows = (text: string) => shown(watcher, text.split('\n'))
    // Its first line says how things are: what comes after it is shown as it happens.
    await shows('Garden (garden)')
    const agent = leave(runAgent!)
    await shows('gate  Post Provisioning → Operational')
    await agent.stop('SIGINT')
    await shows(goodbye!)
    leave(runAgent!)
    await shows('gate  Disconnected → Operational')
    await run(kill!)
    await shows(lost!)
    assert.match(await run(why!), /Its heartbeat is lost[\s\S]*Check power, network and the agent/)
    assert.match(await run(past!), /It announced a clean shutdown[\s\S]*garden at/)
  } finally {
    await crew[Symbol.asyncDispose]()
    rmSync(dir, { recursive: true, force: true })
  }
})

async function shown(watcher: Running, lines: readonly string[]): Promise<void> {
  const untilAt = performance.now() + withinMs
  while (!lines.every((line) => watcher.said().includes(line))) {
    assert.ok(performance.now() < untilAt, `not shown: ${lines.join('\n')}\n${watcher.said()}`)
    await wait(50)
  }
}
