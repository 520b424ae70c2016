// `muster help`: about a command, about a topic, or everything as one page.

import { Refusal } from '@muster/core/errors.ts'
import type { Command } from 'commander'
import { type Context, lookOf } from '../context.ts'
import { examples } from '../help.ts'
import { manPage } from '../man-page.ts'
import { manualPage } from '../manual.ts'
import { nearestOf } from '../nearest.ts'
import { topics } from '../topics.ts'

export function addHelpCommand(program: Command, { stdout, env, version }: Context) {
  const summaries = Object.entries(topics).map(([name, { summary }]) => `  ${name}: ${summary}`)
  const help = program
    .command('help')
    .description(
      `Show help about a command or a topic.\n\nTopics:\n${summaries.join('\n')}\n  manual: all of this as one Markdown page\n  man: all of this for the program man`,
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
      if (words[0] === 'man') {
        stdout.write(manPage(program, version))
        return
      }
      let command = program
      for (const word of words) {
        const inner = command.commands.find((candidate) => candidate.name() === word)
        if (!inner) throw new Refusal('wrong-usage', noHelp(word, words, command))
        command = inner
      }
      command.help()
    })
  examples(
    help,
    ['muster help device list', 'the same as `muster device list --help`'],
    ['muster help exit-codes', 'what each exit code means'],
    ['muster help man | man -l -', 'as a page of man'],
  )
}

function noHelp(word: string, words: readonly string[], command: Command): string {
  const known = [...command.commands.map((one) => one.name()), ...Object.keys(topics)]
  const near = nearestOf(word, known)
  return `there is no help about "${words.join(' ')}"${near ? `; did you mean ${near}?` : ''}`
}
