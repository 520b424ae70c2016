// A shell on a terminal of its own, into which words are typed as a person types them, and of which
// everything that it shows is recorded with its time. `script` of util-linux makes the terminal.

import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'

export const columns = 100
const rows = 30
const typedEveryMs = 25
/** In the recording nobody waits for longer. */
const longestPauseMs = 2_000
const patienceMs = 60_000
/** A prompt that nothing else says. */
const prompt = '\u001b[1;32m$\u001b[0m '

export type RecordedShell = ReturnType<typeof openRecordedShell>

export function openRecordedShell({
  folder,
  env,
}: {
  folder: string
  env: Record<string, string>
}) {
  const startup = join(folder, '.walkrc')
  const bind = 'bind "set enable-bracketed-paste off"; bind "set bell-style none"'
  const ps1 = String.raw`PS1='\[\e[1;32m\]$\[\e[0m\] '; PS2='> '`
  writeFileSync(startup, `stty cols ${columns} rows ${rows}\n${bind}\n${ps1}\nHISTFILE=\n`)
  const command = `bash --noprofile --rcfile ${startup} -i`
  const child = spawn('script', ['-q', '-f', '-c', command, '/dev/null'], {
    cwd: folder,
    env: { ...env, TERM: 'xterm-256color', SHELL: '/bin/bash' },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const startedAt = performance.now()
  const seen: [atMs: number, text: string][] = []
  let all = ''
  /** From where on nothing was waited for yet. */
  let from = 0
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    seen.push([performance.now() - startedAt, text])
    all += text
  })
  const ended = new Promise((resolve) => child.once('close', resolve))

  async function until(what: string | RegExp): Promise<string> {
    const untilAt = performance.now() + patienceMs
    for (;;) {
      const rest = all.slice(from)
      if (typeof what === 'string' ? rest.includes(what) : what.test(rest)) return rest
      if (performance.now() > untilAt)
        throw new Error(`the terminal never showed ${what}:\n${rest.slice(-2_000)}`)
      await wait(50)
    }
  }

  return {
    until,
    /** What was shown since the prompt before; the next wait begins after this one. */
    async untilPrompt(): Promise<string> {
      const text = await until(prompt)
      from = all.lastIndexOf(prompt) + prompt.length
      return text.slice(0, text.lastIndexOf(prompt))
    },
    async type(text: string, end: string): Promise<void> {
      for (const letter of text.replaceAll('\n', '\r')) {
        child.stdin.write(letter)
        await wait(typedEveryMs)
      }
      child.stdin.write(end)
    },
    async enter(text: string): Promise<void> {
      await wait(600)
      child.stdin.write(`${text}\r`)
    },
    press: (keys: string) => child.stdin.write(keys),
    async end(): Promise<void> {
      child.stdin.write('exit\r')
      await ended
    },
    /** All of it as asciicast v2. */
    cast(title: string): string {
      const header = {
        version: 2,
        width: columns,
        height: rows,
        title,
        env: { TERM: 'xterm-256color' },
      }
      let at = 0
      let before = 0
      const lines = seen.map(([atMs, text]) => {
        at += Math.min(longestPauseMs, atMs - before)
        before = atMs
        return JSON.stringify([Number((at / 1_000).toFixed(3)), 'o', text])
      })
      return `${[JSON.stringify(header), ...lines].join('\n')}\n`
    },
  }
}
