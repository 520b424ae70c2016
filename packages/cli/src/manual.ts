// The whole manual as one Markdown page, from the same tree of commands that runs: what a command
// takes, what it says of itself and its examples cannot differ from what it does.

import type { Command } from 'commander'

export function manualPage(program: Command): string {
  return ['# The command line', ...program.commands.flatMap((command) => section(command))]
    .join('\n\n')
    .concat('\n')
}

function section(command: Command): string[] {
  if (command.commands.length > 0)
    return [
      `## muster ${command.name()}`,
      command.description(),
      ...command.commands.flatMap((inner) => section(inner)),
    ]
  const words = [command.name()]
  for (let outer = command.parent; outer; outer = outer.parent) words.unshift(outer.name())
  return [
    `${'#'.repeat(words.length)} ${words.join(' ')}`,
    `\`\`\`text\n${helpText(command)}\n\`\`\``,
  ]
}

/** As `--help` prints it, without the options that every command has. */
function helpText(command: Command): string {
  let text = ''
  const before = command.configureOutput()
  command.configureHelp({ ...command.configureHelp(), showGlobalOptions: false, helpWidth: 100 })
  command.configureOutput({ ...before, writeOut: (piece) => (text += piece) })
  command.outputHelp()
  command.configureOutput(before)
  return text.trim()
}
