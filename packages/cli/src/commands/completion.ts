// `muster completion`: the script for a shell, and the answer to what that script asks, which is no
// command: its words are not to be parsed, they are what somebody has typed so far.

import { Argument, type Command } from 'commander'
import { type Candidate, type Wanted, wantedAt } from '../completion/complete.ts'
import { completionScripts, type Shell, shells } from '../completion/scripts.ts'
import { loadCandidates } from '../completion/sources.ts'
import { type Context, loadTarget } from '../context.ts'
import { examples } from '../help.ts'

export function addCompletionCommands(program: Command, context: Context) {
  const completion = program
    .command('completion')
    .summary('completion for bash, zsh and fish')
    .description(
      'Print what a shell needs to complete commands, options and their values with Tab, names of devices and fleets among them.\n\nThe server is asked for at most a second, and what it said is remembered for a minute in $XDG_CACHE_HOME/muster: names and statuses, never a token.',
    )
    .addArgument(new Argument('<shell>', 'the shell').choices(shells))
    .action((shell: Shell) => {
      context.stdout.write(completionScripts[shell])
    })
  examples(
    completion,
    ['eval "$(muster completion bash)"', 'in ~/.bashrc'],
    ['source <(muster completion zsh)', 'in ~/.zshrc, after compinit'],
    ['muster completion fish > ~/.config/fish/completions/muster.fish', 'once'],
  )
}

/** What the script of a shell asks: a candidate and its note per line; nothing where all fails. */
export async function answerTab(
  program: Command,
  context: Context,
  [shell, ...given]: readonly string[],
): Promise<void> {
  const words = shell === 'bash' ? joinAssigned(given) : given
  const candidates = await candidatesAt(program, context, words).catch(() => [])
  // bash takes = for the end of a word, so what stands before it is not replaced.
  const assigned = shell === 'bash' ? /^--[\w-]+=/.exec(words.at(-1) ?? '')?.[0] : undefined
  for (const { value, note } of candidates)
    context.stdout.write(`${assigned ? value.slice(assigned.length) : value}\t${note}\n`)
}

async function candidatesAt(
  program: Command,
  context: Context,
  words: readonly string[],
): Promise<Candidate[]> {
  const typed = words.at(-1) ?? ''
  const wanted: Wanted = wantedAt(program, words)
  const all = wanted.kind === 'known' ? wanted.candidates : await valuesOf(context, words, wanted)
  return all.filter(({ value }) => value.startsWith(typed))
}

async function valuesOf(
  context: Context,
  words: readonly string[],
  { of, typed, prefix }: Wanted & { kind: 'value' },
): Promise<Candidate[]> {
  const chosen = {
    ...optionGiven(words, '--profile', 'profile'),
    ...optionGiven(words, '--organization', 'organization'),
  }
  const found = await loadCandidates(context, () => loadTarget(context.env, chosen), of, typed)
  return found.map(({ value, note }) => ({ value: prefix + value, note }))
}

function optionGiven(words: readonly string[], option: string, name: string) {
  const at = words.indexOf(option)
  const value = at >= 0 && at < words.length - 2 ? words[at + 1] : undefined
  return value === undefined ? {} : { [name]: value }
}

/** `--fleet`, `=`, `ga` are three words to bash, and one to everybody else. */
function joinAssigned(words: readonly string[]): string[] {
  const joined: string[] = []
  for (const word of words) {
    const last = joined.at(-1)
    if (last?.startsWith('--') && (word === '=' || last.endsWith('=')))
      joined[joined.length - 1] += word
    else joined.push(word)
  }
  return joined
}
