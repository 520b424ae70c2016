// `muster`: the real world, given to the commands. Nothing is decided here.

import packageJson from '../package.json' with { type: 'json' }
import { wallClock } from './clock.ts'
import { runMuster } from './program.ts'
import { openTerminal } from './terminal.ts'

// A reader that has seen enough, such as `head`, is not a failure.
for (const output of [process.stdout, process.stderr])
  output.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit()
  })

process.exitCode = await runMuster(process.argv.slice(2), {
  version: packageJson.version,
  env: process.env,
  clock: wallClock(),
  fetch,
  stdout: process.stdout,
  stderr: process.stderr,
  interrupted() {
    const controller = new AbortController()
    // Once each: whoever presses it again means it.
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.once(signal, () => controller.abort())
    return controller.signal
  },
  ask: openTerminal(process.stdin, process.stderr),
})
