// muster-agent: the program on the device. This file reads the process's arguments and environment,
// picks the command, and turns how it ended into words and an exit code; it decides nothing else.

import { machine } from 'node:os'
import { agentUserAgent } from '@muster/core/device-wire.ts'
import { exitCodes } from '@muster/core/errors.ts'
import packageJson from '../package.json' with { type: 'json' }
import { helpText, parseArguments, type Wish } from './args.ts'
import { registerDevice, reportFromTool, sayGoodbye, showStatus } from './commands.ts'
import { Exit } from './device.ts'
import type { Log } from './loop.ts'
import { type Program, runAgent } from './run.ts'

const { version } = packageJson

/** One line each; the journal of systemd takes the level from the number in front. */
const log: Log = (level, text) => {
  const priority = process.env.JOURNAL_STREAM ? { info: '<6>', warn: '<4>' }[level] : ''
  process.stderr.write(`${priority}${text}\n`)
}

async function main(): Promise<number> {
  const parsed = parseArguments(process.argv.slice(2), process.env)
  if (!parsed.ok) {
    process.stderr.write(`${parsed.mistakes.join('\n')}\nSee muster-agent --help.\n`)
    return exitCodes.usage
  }
  const userAgent = `${agentUserAgent}/${version} (Linux; ${machine()})`
  return runCommand(parsed.wish, { version, userAgent, log }).catch((error) => {
    if (!(error instanceof Exit)) throw error
    process.stderr.write(`${error.message}\n`)
    return error.code
  })
}

async function runCommand(wish: Wish, program: Program): Promise<number> {
  const print = (text: string) => void process.stdout.write(text)
  switch (wish.command) {
    case 'help':
      print(helpText())
      return exitCodes.ok
    case 'version':
      print(`${version}\n`)
      return exitCodes.ok
    case 'run':
      return runAgent(wish, program)
    case 'register':
      return registerDevice(wish, program, print)
    case 'report':
      return reportFromTool(wish, program, print)
    case 'status':
      return showStatus(wish, program, print)
    case 'goodbye':
      return sayGoodbye(wish, program, print)
    default:
      return wish satisfies never
  }
}

main().then(
  (code) => {
    process.exitCode = code
  },
  (error) => {
    process.stderr.write(`${error?.stack ?? error}\n`)
    process.exitCode = exitCodes.failed
  },
)
