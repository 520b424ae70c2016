import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { statusWords } from '@muster/core/statuses.ts'
import { fleetView, lateDevice, serveApi } from '../fixtures.ts'

const routes = {
  'GET /devices': { body: { items: [lateDevice], nextCursor: null } },
  'GET /fleets': {
    body: { items: [fleetView(), fleetView({ slug: 'orchard' })], nextCursor: null },
  },
}
const main = fileURLToPath(new URL('../main.ts', import.meta.url))

type World = Awaited<ReturnType<typeof openWorld>>

/** A server and a `muster` on PATH, as a shell would find it. */
async function openWorld() {
  const api = await serveApi(routes)
  const program = join(api.folder, 'muster')
  await writeFile(program, `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`)
  await chmod(program, 0o755)
  const env = {
    ...api.env,
    HOME: api.folder,
    XDG_CACHE_HOME: join(api.folder, 'cache'),
    PATH: `${api.folder}:/usr/bin:/bin`,
    TERM: 'xterm',
    LC_ALL: 'C.UTF-8',
  }
  const values = async (...words: string[]) =>
    (await api.run(['__complete', ...words], { env })).out
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.split('\t')[0])
  return { ...api, env, values, [Symbol.asyncDispose]: () => api[Symbol.asyncDispose]() }
}

describe('what may come next', () => {
  test('is every command, every option and every choice, by what was typed of it', async () => {
    await using world = await openWorld()
    assert.deepEqual(await world.values('fish', 'device', 'sh'), ['show'])
    assert.deepEqual(await world.values('fish', 'device', 'list', '--wi'), ['--wide'])
    assert.deepEqual(await world.values('fish', 'completion', ''), ['bash', 'zsh', 'fish'])
    assert.deepEqual(await world.values('fish', 'device', 'list', '--sort', '--all', '--lim'), [
      '--limit',
    ])
    assert.ok((await world.values('fish', '')).includes('device'))
    assert.deepEqual(await world.values('fish', 'device', 'show', 'x', 'y', ''), [])
  })

  test('is the last of a list, with those before it kept', async () => {
    await using world = await openWorld()
    assert.deepEqual(await world.values('fish', 'device', 'list', '--status', 'frozen,disc'), [
      'frozen,disconnected',
    ])
    assert.deepEqual(await world.values('zsh', 'device', 'list', '--columns=name,wh'), [
      '--columns=name,why',
    ])
    assert.equal(
      (await world.values('fish', 'device', 'list', '--status', '')).length,
      statusWords.length,
    )
  })

  test('is what bash takes for a word of its own after =', async () => {
    await using world = await openWorld()
    assert.deepEqual(await world.values('bash', 'device', 'list', '--fleet', '=', 'ga'), ['garden'])
  })

  test('is a device by name or uuid, a fleet by slug', async () => {
    await using world = await openWorld()
    assert.deepEqual(await world.values('fish', 'device', 'show', ''), ['quiet-river'])
    assert.deepEqual(await world.values('fish', 'device', 'show', '1f6c'), ['1f6c2a9'])
    assert.deepEqual(await world.values('fish', 'fleet', 'at', ''), ['garden', 'orchard'])
  })
})

describe('what the server said', () => {
  test('is remembered for its owner alone, without a token, and asked for once', async () => {
    await using world = await openWorld()
    await world.values('fish', 'fleet', 'show', '')
    await world.values('fish', 'fleet', 'show', '')
    assert.equal(world.asked.length, 1)
    const folder = join(world.folder, 'cache', 'muster')
    const [file] = await readdir(folder)
    assert.equal((await stat(join(folder, file!))).mode & 0o777, 0o600)
    assert.doesNotMatch(file! + (await readFile(join(folder, file!), 'utf8')), /secret/)
  })

  test('is nothing, and no error, where the server is away or nobody is signed in', async () => {
    await using world = await openWorld()
    for (const changed of [{ MUSTER_SERVER: 'http://127.0.0.1:1' }, { MUSTER_SERVER: undefined }]) {
      const env = { ...world.env, ...changed }
      const answer = await world.run(['__complete', 'fish', 'device', 'show', ''], { env })
      assert.deepEqual(answer, { exit: 0, out: '', err: '' })
    }
  })
})

const run = promisify(execFile)

/** Runs a line in a real shell, or says why it cannot. */
async function ask(world: World, shell: string, line: string): Promise<string> {
  return (await run(shell, ['-c', line], { env: world.env, timeout: 60_000 })).stdout
}

function whySkip(shell: string): string | false {
  const { error } = spawnSync(shell, ['--version'])
  return error ? `there is no ${shell}: apt-get install ${shell}` : false
}

describe('a real shell', () => {
  test('bash completes', { skip: whySkip('bash') }, async () => {
    await using world = await openWorld()
    const press = (words: string, at: number) =>
      `COMP_WORDS=(${words}); COMP_CWORD=${at}; _muster; printf '%s,' "\${COMPREPLY[@]}"`
    const line = `eval "$(muster completion bash)"; complete -p muster; ${press('muster device sh', 2)}; ${press('muster device show qu', 3)}; ${press('muster device list --fleet = orc', 5)}`
    assert.match(await ask(world, 'bash', line), /_muster muster\nshow,quiet-river,orchard,$/)
  })

  test('zsh completes', { skip: whySkip('zsh') }, async () => {
    await using world = await openWorld()
    // A real line editor on a terminal of its own; a Tab completes the one candidate that there is.
    const line = `zmodload zsh/zpty
      zpty -b z zsh -f -i
      zpty -w z 'autoload -Uz compinit && compinit -u -D; source <(muster completion zsh); PS1=ready; print armed'
      zpty -r -m z seen '*armed*ready*'
      zpty -w -n z $'muster device show qu\\t'
      zpty -r -m z seen '*quiet-river*' && print -r -- found
      zpty -d z`
    assert.match(await ask(world, 'zsh', line), /found/)
  })

  test('fish completes', { skip: whySkip('fish') }, async () => {
    await using world = await openWorld()
    const line = `muster completion fish | source; complete -C 'muster device sh'; complete -C 'muster device show qu'; complete -C 'muster device list --fleet=orc'`
    assert.match(
      await ask(world, 'fish', line),
      /^show\tShow.*\nquiet-river\t.*\n--fleet=orchard\t/,
    )
  })
})
