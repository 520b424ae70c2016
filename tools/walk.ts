// `npm run walk`: a walk through the command line as a new user takes it, typed into a real shell on a
// terminal of its own (util-linux `script`), against a real server with real agents. It writes what
// was seen, twice: docs/guides/command-line.cast (asciicast v2, for `asciinema play`) and the page
// docs/guides/command-line.md, so that neither can show what the program does not do.

import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, networkInterfaces, release, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { rootDir } from './house.ts'
import { openCrew, programs, startServer } from './processes.ts'
import { freePort } from './services.ts'
import { type Shown, walkPage } from './walk-page.ts'
import { openRecordedShell, type RecordedShell } from './walk-shell.ts'

const email = 'ada@example.org'
const castPath = 'docs/guides/command-line.cast'
const pagePath = 'docs/guides/command-line.md'

type Step = {
  /** A heading of the page, where a part begins. */
  part?: string
  /** What the page says before it. */
  why: string
  type: string
  /** What happens while it runs, before the prompt comes back. */
  during?(shell: RecordedShell, stage: Stage): Promise<void>
}

type Stage = { folder: string; password: string; server: string }

const startAgents = `for name in gate pump door; do
  ( muster-agent --server $SERVER --provisioning-key $KEY --state-dir $name --name $name >$name.log 2>&1 &
    echo $! >$name.pid )
done`

const steps: readonly Step[] = [
  {
    part: 'Sign in',
    why: 'Once for each server; it is remembered as a profile. The password is not shown.',
    type: `muster login --server $SERVER --email ${email}`,
    async during(shell, { password }) {
      await shell.until('Password: ')
      await shell.enter(password)
    },
  },
  { why: 'Where, and as whom?', type: 'muster whoami' },
  {
    part: 'Bring devices in',
    why: 'A fleet with limits so short that one can look on.',
    type: 'muster fleet create Garden --heartbeat-interval 5s --heartbeat-grace 5s --cloudlink-keepalive 5s --cloudlink-grace 3s',
  },
  {
    why: 'A key with which devices register themselves, shown this once; here into a variable.',
    type: 'KEY=$(muster provisioning-key create garden --expires 7d)',
  },
  { why: 'Three devices start; here their agents all run on this machine.', type: startAgents },
  {
    part: 'Look at them',
    why: 'Kept live until Ctrl-C. Meanwhile the device *door* loses its power: nothing says goodbye, and yet it shows, first that it is late, then that it is lost.',
    type: 'muster device list --fleet garden --watch',
    async during(shell, { folder }) {
      await shell.until(/Operational[\s\S]*Operational[\s\S]*Operational/)
      await wait(1_500)
      process.kill(Number(readFileSync(join(folder, 'door.pid'), 'utf8')), 'SIGKILL')
      await shell.until('Disconnected')
      await wait(1_500)
      shell.press('\u0003')
    },
  },
  {
    why: 'Why, since when, what comes next, and what to do.',
    type: 'muster device show door',
  },
  { why: 'Tags are free words.', type: 'muster device tag gate site=north floor=0' },
  {
    why: 'Filters ask about every column, tag and fact.',
    type: `muster device list --filter 'tag.site = "north" or status = disconnected'`,
  },
  {
    why: 'A filter that is worth keeping gets a name.',
    type: `muster view save "Not well" --filter 'status != operational' --share`,
  },
  {
    part: 'Ask what was',
    why: 'Each transition with its reason.',
    type: 'muster device history door',
  },
  { why: 'How available was the fleet?', type: 'muster fleet uptime garden --from 5m' },
  {
    part: 'Let others in',
    why: 'An invitation is a link or a token that works once.',
    type: 'muster invitation create bob@example.org --role operator',
  },
  { why: 'Who is here already?', type: 'muster member list' },
  {
    why: 'A token for a program, as narrow as the program allows.',
    type: 'muster token create grafana --scope read-only --expires 90d',
  },
  {
    part: 'Trust, and type less',
    why: 'Whoever changes the audit log breaks its chain.',
    type: 'muster audit verify',
  },
  {
    why: 'A slip of the finger is no riddle, and the exit code says what kind of failure it was.',
    type: 'muster device lst; echo $?',
  },
  {
    why: 'Completion knows commands, options, and the names of your devices.',
    type: 'eval "$(muster completion bash)"',
  },
  {
    why: 'Here only `pu` was typed, and then Tab.',
    type: 'muster device tag pu\t',
    async during(shell) {
      await shell.until('tag pump')
      await wait(500)
      shell.press('\r')
    },
  },
]

process.exitCode = await walk()

async function walk(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'muster-walk-'))
  await using crew = openCrew()
  try {
    const stage: Stage = { folder, password: randomBytes(9).toString('hex'), server: '' }
    const port = await freePort()
    stage.server = `http://127.0.0.1:${port}`
    mkdirSync(join(folder, 'server'))
    const env = {
      MUSTER_HOST: '127.0.0.1',
      MUSTER_DATA_DIR: join(folder, 'server'),
      MUSTER_ADMIN_EMAIL: email,
      MUSTER_ADMIN_PASSWORD: stage.password,
    }
    await startServer(crew, { port, env, logPath: join(folder, 'server.log') })
    const shell = openRecordedShell(prepareHome(folder, stage.server))
    const shown = await takeAll(shell, stage)
    await shell.end()
    const cast = shell.cast('A walk through the command line of Muster')
    writeFileSync(join(rootDir, castPath), elsewhere(cast))
    writeFileSync(join(rootDir, pagePath), elsewhere(walkPage(shown, stage.server)))
    console.log(`Wrote ${castPath} and ${pagePath}.`)
    return 0
  } finally {
    endAgents(folder)
    await crew[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function takeAll(shell: RecordedShell, stage: Stage): Promise<Shown[]> {
  const shown: Shown[] = []
  await shell.untilPrompt()
  for (const { part, why, type, during } of steps) {
    const isCompleted = type.endsWith('\t')
    await shell.type(type, isCompleted ? '' : '\r')
    await during?.(shell, stage)
    const text = await shell.untilPrompt()
    shown.push({ ...(part === undefined ? {} : { part }), why, type, text })
    await wait(400)
  }
  return shown
}

/** A home of its own with both programs on its PATH, and nothing else of ours. */
function prepareHome(folder: string, server: string) {
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  for (const [name, main] of [
    ['muster', programs.muster],
    ['muster-agent', programs.agent],
  ] as const) {
    writeFileSync(join(bin, name), `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`)
    chmodSync(join(bin, name), 0o755)
  }
  const env = { HOME: folder, SERVER: server, PATH: `${bin}:/usr/bin:/bin`, LANG: 'C.UTF-8' }
  return { folder, env }
}

/** What tells of the machine on which this was recorded gives way to what a device might say. */
function elsewhere(recorded: string): string {
  const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  const networks = Object.values(networkInterfaces()).flatMap((one) => one ?? [])
  const own: [was: string, becomes: string][] = [
    [release(), '6.12.57-generic'],
    [bootId, '5f0d7c1e-3b1a-4f6e-9c55-0d4b7a1e2f38'],
    ...networks
      .filter(({ internal }) => !internal)
      .flatMap(({ address, mac, family }): [string, string][] => [
        [address, family === 'IPv4' ? '192.0.2.7' : '2001:db8::7'],
        [mac.toUpperCase(), '02:00:5E:10:00:07'],
        [mac, '02:00:5e:10:00:07'],
      ]),
  ]
  const told = own.reduce((text, [was, becomes]) => text.replaceAll(was, becomes), recorded)
  const name = hostname().replaceAll(/[^\w-]/g, '.')
  return told.replaceAll(
    new RegExp(`(hostname(?:\\\\u001b\\[[0-9;]*m)? +)${name}\\b`, 'g'),
    '$1gate-7',
  )
}

function endAgents(folder: string): void {
  for (const name of ['gate', 'pump', 'door'])
    try {
      const pid = Number(readFileSync(join(folder, `${name}.pid`), 'utf8'))
      process.kill(pid, 'SIGTERM')
    } catch {
      // It never started, or has ended.
    }
}
