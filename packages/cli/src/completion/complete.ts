// What may come next on a command line, found in the same tree of commands that runs. Pure: which
// words stand before the cursor says what is wanted at it, and sources say what there is of it.

import type { Argument, Command, Option } from 'commander'

export type Candidate = { value: string; note: string }

/** What is wanted at the cursor: candidates that are known already, or a value of some kind. */
export type Wanted =
  | { kind: 'known'; candidates: Candidate[] }
  | {
      kind: 'value'
      /** The word in <…> of the argument or option, such as device. */
      of: string
      /** What was typed of it, after any earlier values of a list a,b. */
      typed: string
      /** Stands before each candidate: `--option=`, or earlier values of a list. */
      prefix: string
    }

export type ListOption = Option & { listOf?: readonly string[] }

export function wantedAt(program: Command, words: readonly string[]): Wanted {
  const before = words.slice(0, -1)
  const current = words.at(-1) ?? ''
  let command = program
  let positionCount = 0
  let isOpen: Option | undefined
  let optionsEnded = false
  for (const word of before) {
    if (!optionsEnded && word.startsWith('-') && word !== '-') {
      isOpen = undefined
      if (word === '--') optionsEnded = true
      else if (!word.includes('=')) isOpen = valuedOption(command, word)
      continue
    }
    if (isOpen) {
      if (!isOpen.variadic) isOpen = undefined
      continue
    }
    const inner = command.commands.find((one) => one.name() === word)
    if (inner) command = inner
    else positionCount++
  }
  if (optionsEnded) return positional(command, positionCount, current)
  if (isOpen && !current.startsWith('-')) return valueWanted(isOpen, current, '')
  const assigned = /^(--[\w-]+)=(.*)$/s.exec(current)
  const option = assigned && valuedOption(command, assigned[1]!)
  if (option) return valueWanted(option, assigned[2]!, `${assigned[1]}=`)
  if (current.startsWith('-')) return known(optionCandidates(command, before))
  if (command.commands.length > 0) return known(command.commands.map(commandCandidate))
  return positional(command, positionCount, current)
}

function positional(command: Command, at: number, typed: string): Wanted {
  const args = command.registeredArguments
  const argument: Argument | undefined =
    args[at] ?? (args.at(-1)?.variadic ? args.at(-1) : undefined)
  if (!argument) return known([])
  if (argument.argChoices) return known(argument.argChoices.map((value) => ({ value, note: '' })))
  return { kind: 'value', of: argument.name(), typed, prefix: '' }
}

function valueWanted(option: ListOption, typed: string, prefix: string): Wanted {
  const list = option.listOf ?? (option.argChoices as readonly string[] | undefined)
  const of = /[<[]([^>\].]+)/.exec(option.flags)?.[1] ?? ''
  const isList = option.listOf !== undefined || of === 'statuses'
  const last = isList ? typed.lastIndexOf(',') + 1 : 0
  const whole = prefix + typed.slice(0, last)
  if (!list) return { kind: 'value', of, typed: typed.slice(last), prefix: whole }
  return known(list.map((value) => ({ value: whole + value, note: '' })))
}

function valuedOption(command: Command, word: string): Option | undefined {
  const option = optionsOf(command).find((one) => one.long === word || one.short === word)
  return option && (option.required || option.optional) ? option : undefined
}

function optionsOf(command: Command): Option[] {
  const all: Option[] = []
  for (let one: Command | null = command; one; one = one.parent) all.push(...one.options)
  return all
}

/** The options that may still be given; help is one of them. */
function optionCandidates(command: Command, before: readonly string[]): Candidate[] {
  const open = optionsOf(command).filter(
    ({ hidden, long, variadic }) => !hidden && long && (variadic || !before.includes(long)),
  )
  return [...open, { long: '--help', description: 'show help' }].map(({ long, description }) => ({
    value: long!,
    note: firstLine(description),
  }))
}

function commandCandidate(command: Command): Candidate {
  const note = firstLine(command.summary() || command.description())
  return { value: command.name(), note }
}

function firstLine(text: string): string {
  return text.split(/[.;\n]/, 1)[0]!
}

function known(candidates: Candidate[]): Wanted {
  return { kind: 'known', candidates }
}
