// The tree of commands, put together, and one run of it: arguments in, exit code out. Commander
// parses and writes help; what went wrong is said in one place, for people or as problem+json.

import { exitCodes, Refusal } from '@muster/core/errors.ts'
import { Command } from 'commander'
import { addDeviceCommands } from './commands/device.ts'
import { addFleetCommands } from './commands/fleet.ts'
import { addOrganizationCommands } from './commands/organization.ts'
import { addProvisioningKeyCommands } from './commands/provisioning-key.ts'
import { addSignInCommands } from './commands/sign-in.ts'
import { type Context, lookOf } from './context.ts'
import { explainFailure } from './failure.ts'
import { examples, topics } from './help.ts'
import { manualPage } from './manual.ts'

export async function runMuster(args: readonly string[], context: Context): Promise<number> {
  const json = isJsonWanted(args)
  try {
    await createProgram(context).parseAsync(args, { from: 'user' })
    return exitCodes.ok
  } catch (error) {
    const { exit, problem, text } = explainFailure(error, lookOf(context.stderr, context.env, 0))
    if (!json) context.stderr.write(text)
    else if (problem) context.stderr.write(`${JSON.stringify(problem, null, 2)}\n`)
    return exit
  }
}

/** Asked before parsing, since a command line that cannot be parsed is reported as JSON too. */
function isJsonWanted(args: readonly string[]): boolean {
  const end = args.indexOf('--')
  return args.slice(0, end < 0 ? args.length : end).includes('--json')
}

export function createProgram(context: Context): Command {
  const { stdout, stderr } = context
  const program = new Command('muster')
    .description(
      'The true status of every device in a fleet, why it has it, and what comes next.\n\nSign in once with `muster login`; then name devices by uuid, the beginning of a uuid, or name.',
    )
    .version(context.version, '-V, --version', 'print the version')
    .option('--json', "print the API's JSON, and errors as problem+json")
    .option('--profile <name>', 'use this profile instead of the current one')
    .helpOption('-h, --help', 'show help')
    .helpCommand(false)
    .configureHelp({
      showGlobalOptions: true,
      subcommandDescription: (command) => command.summary() || firstSentence(command.description()),
    })
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
      getOutHelpWidth: () => helpWidth(stdout.columns),
      getErrHelpWidth: () => helpWidth(stderr.columns),
      // explainFailure says it, with what to do.
      outputError: () => {},
    })
    .exitOverride()
  examples(
    program,
    ['muster login --server https://muster.example.org', 'sign in; asks for e-mail and password'],
    ['muster device list --status disconnected', 'who cannot be reached?'],
    ['muster device show quiet-river', 'what is wrong with it, since when, and what to do'],
    ['muster fleet at garden 03:05', 'how did the fleet look at that time?'],
  )
  addSignInCommands(program, context)
  addFleetCommands(program, context)
  addDeviceCommands(program, context)
  addProvisioningKeyCommands(program, context)
  addOrganizationCommands(program, context)
  addHelpCommand(program, context)
  for (const group of program.commands) group.helpCommand(false)
  return program
}

function firstSentence(text: string): string {
  return text.split(/[.:;\n]/, 1)[0]!
}

function helpWidth(columns: number | undefined): number {
  return Math.min(columns || 80, 100)
}

function addHelpCommand(program: Command, { stdout, env }: Context) {
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
