// muster(1) for man: the tree of commands and the topics as roff, so that `man muster` says what
// `muster help` says. Only what every man program knows is used: .TH, .SH, .SS, .TP, .PP, .EX.

import type { Command, Option } from 'commander'
import { leavesOf } from './endings.ts'
import type { Described } from './help.ts'
import { topics } from './topics.ts'

const look = { now: 0, timeZone: 'UTC', colour: false, symbols: false, columns: 76 }

export function manPage(program: Command, version: string): string {
  const [summary, ...about] = program.description().split('\n\n')
  return [
    `.TH MUSTER 1 "" "muster ${roff(version)}" "Muster"`,
    '.nh',
    '.ad l',
    '.SH NAME',
    `muster \\- ${roff(summary!)}`,
    '.SH SYNOPSIS',
    '.B muster',
    '.I noun verb',
    '[\\fIarguments\\fR] [\\fIoptions\\fR]',
    '.SH DESCRIPTION',
    ...paragraphs(about.join('\n\n')),
    '.SH OPTIONS OF EVERY COMMAND',
    ...program.options.flatMap(optionLines),
    '.SH COMMANDS',
    ...leavesOf(program).flatMap(([path, command]) => commandLines(path, command)),
    ...Object.entries(topics).flatMap(([name, { render }]) => [
      `.SH ${name.toUpperCase().replaceAll('-', ' ')}`,
      ...verbatim(render(look)),
    ]),
    '',
  ].join('\n')
}

function commandLines(path: string, command: Described): string[] {
  const words = command.registeredArguments.map((argument) => {
    const name = argument.variadic ? `${argument.name()}...` : argument.name()
    return argument.required ? `<${name}>` : `[${name}]`
  })
  return [
    `.SS ${roff([path, ...words].join(' '))}`,
    ...paragraphs(command.description()),
    ...command.registeredArguments.flatMap((argument) => [
      '.TP',
      `.I ${roff(argument.name())}`,
      text(argument.description),
    ]),
    ...command.options.flatMap(optionLines),
    ...(command.examples ?? []).flatMap(([line, meaning]) => [
      '.PP',
      `${text(meaning)}:`,
      ...verbatim(`  $ ${line}`),
    ]),
  ]
}

function optionLines(option: Option): string[] {
  const choices = option.argChoices ? ` (${option.argChoices.join(', ')})` : ''
  return ['.TP', `.B ${roff(option.flags)}`, text(option.description + choices)]
}

function paragraphs(whole: string): string[] {
  return whole.split(/\n\n+/).flatMap((paragraph) => {
    // Lines that stand apart, such as a list, stay as they are.
    const isList = paragraph.includes('\n')
    return ['.PP', ...(isList ? verbatim(paragraph) : [text(paragraph)])]
  })
}

const verbatim = (block: string) => ['.EX', ...block.split('\n').map(text), '.EE']

/** A line that begins with a point or a quote would be taken for a request. */
const text = (line: string) => roff(line).replace(/^([.'])/, '\\&$1')

/** A minus stays one, so that an option can be copied out of the page. */
function roff(plain: string): string {
  return plain.replaceAll('\\', '\\e').replaceAll('-', '\\-').replaceAll('…', '...')
}
