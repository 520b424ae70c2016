// docs/reference/cli.md: the manual of the command line, from the very tree of commands that runs.

import type { Context } from '../packages/cli/src/context.ts'
import { manualPage } from '../packages/cli/src/manual.ts'
import { createProgram } from '../packages/cli/src/program.ts'
import { topics } from '../packages/cli/src/topics.ts'
import { generatedFrom } from './markdown.ts'

export function cliPage(): string {
  const [heading, ...manual] = manualPage(createProgram(nowhere)).split('\n')
  return `${[heading, '', generatedFrom('the commands in packages/cli/src'), ...manual].join('\n')}
${Object.entries(topics).map(topicOf).join('\n')}`
}

/** A context in which nothing is asked for and nothing printed. */
const nowhere: Context = {
  version: '',
  env: {},
  clock: { now: () => 0, after: () => () => {} },
  fetch: () => Promise.reject(new Error('there is no network here')),
  stdout: { write: () => true },
  stderr: { write: () => true },
  interrupted: () => new AbortController().signal,
  ask: undefined,
}

const look = { now: 0, timeZone: 'UTC', colour: false, symbols: false, columns: 100 }

function topicOf([name, { render }]: [string, (typeof topics)[string]]): string {
  const title = `${name[0]!.toUpperCase()}${name.slice(1).replaceAll('-', ' ')}`
  return `## ${title}\n\n\`\`\`text\n${render(look).trim()}\n\`\`\`\n`
}
