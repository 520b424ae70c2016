// `muster help`: about a command, about a topic, or everything as one page.

import { Refusal } from '@muster/core/errors.ts'
import type { Command } from 'commander'
import { type Context, lookOf } from '../context.ts'
import { examples, topics } from '../help.ts'
import { manualPage } from '../manual.ts'

export function addHelpCommand(program: Command, { stdout, env }: Context) {
  const summaries = Object.entries(topics).map(([name, { summary }]) => `  ${name}: ${summary}`)
  const help = program
    .command('help')
    .description(
      `Show help about a command or a topic.\n\nTopics:\n${summaries.join('\n')}\n  manual: all of this as one Markdown page`,
    )
    .summary('show help about a command or a topic')
    .argument('[words...]', 'a command, or a topic')
    .action((words: string[]) => {
      const topic = Object.hasOwn(topics, words[0] ?? '') ? topics[words[0]!] : undefined
      if (topic) {
        stdout.write(`${topic.render(lookOf(stdout, env, 0))}\n`)
        return
      }
      if (words[0] === 'manual') {
        stdout.write(manualPage(program))
        return
      }
      let command = program
      for (const word of words) {
        const inner = command.commands.find((candidate) => candidate.name() === word)
        if (!inner) throw new Refusal('wrong-usage', `there is no help about "${words.join(' ')}"`)
        command = inner
      }
      command.help()
    })
  examples(
    help,
    ['muster help device list', 'the same as `muster device list --help`'],
    ['muster help exit-codes', 'what each exit code means'],
  )
}
