// The tree of commands, put together, and one run of it: arguments in, exit code out. Commander
// parses and writes help; what went wrong is said in one place, for people or as problem+json.
//
// A noun is one file, commands/<noun>.ts, and one line in `nouns` below. Its function declares
// `program.command('noun')` and under it the verbs. A verb:
// - is described by sentences, and by `examples(command, [line, meaning], …)`, which are also run by a
//   test against a real server (examples.test.ts);
// - names what it takes: <device>, <fleet>, <profile>, <statuses> and the other words of
//   completion/sources.ts complete by themselves, and so do the choices of an option;
// - lists with `addListOptions(command, table)` and `printList(pages, all, table)`, where `table` is a
//   function of view/ that ends in `renderTable(columns, rows, look)`: --json, --columns, --wide,
//   --no-headers, --all, colours and widths follow from that. A cell that is a number stands right; a
//   column `hidden` is shown on demand; `shrinksTo` and `goes` say what gives way on a narrow terminal;
// - prints one answer with `print(answer, render)`, and says anything beside it with `note(text)`;
// - asks with `confirm(question, options.yes)`, and has `--yes`, before something is lost;
// - keeps itself live with `addWatchOption(command)` and `watchView(…)` of watching.ts;
// - shows long work with `using progress = session.progress('Export')`;
// - throws a Refusal of the registry for what goes wrong, which sets the exit code.
// In tests, `serveApi(routes).run(args)` of fixtures.ts plays a server, `openRealServer().run(args)`
// has a real one, and `run(args)` needs none.

import { exitCodes } from '@muster/core/errors.ts'
import { Command, Option } from 'commander'
import { causeOf } from './causes.ts'
import { colors } from './color.ts'
import { addActionCommands } from './commands/action.ts'
import { addAuditCommands } from './commands/audit.ts'
import { addBulkCommands } from './commands/bulk.ts'
import { addCompletionCommands, answerTab } from './commands/completion.ts'
import { addDeviceCommands } from './commands/device.ts'
import { addDeviceUrlCommand } from './commands/device-url.ts'
import { addFleetCommands } from './commands/fleet.ts'
import { addHelpCommand } from './commands/help.ts'
import { addHistoryCommands } from './commands/history.ts'
import { addInvitationCommands } from './commands/invitation.ts'
import { addMemberCommands } from './commands/member.ts'
import { addOrganizationCommands } from './commands/organization.ts'
import { addPasswordCommands, addTotpCommands } from './commands/password.ts'
import { addPlanCommands } from './commands/plan.ts'
import { addProfileCommands } from './commands/profile.ts'
import { addProvisioningKeyCommands } from './commands/provisioning-key.ts'
import { addRecordingCommands } from './commands/recording.ts'
import { addServiceCommands } from './commands/service.ts'
import { addSessionCommands } from './commands/session.ts'
import { addSignInCommands } from './commands/sign-in.ts'
import { addSshCommands } from './commands/ssh.ts'
import { addSshKeyCommands } from './commands/ssh-key.ts'
import { addTokenCommands } from './commands/token.ts'
import { addTunnelCommand } from './commands/tunnel.ts'
import { addUserCommands } from './commands/user.ts'
import { addVersionCommand } from './commands/version.ts'
import { addViewCommands } from './commands/view.ts'
import { type Context, lookOf } from './context.ts'
import { addEndings } from './endings.ts'
import { explainFailure } from './failure.ts'
import { examples } from './help.ts'

/** In the order of help. */
const nouns: readonly ((program: Command, context: Context) => void)[] = [
  addSignInCommands,
  addPasswordCommands,
  addTotpCommands,
  addSessionCommands,
  addTokenCommands,
  addProfileCommands,
  addFleetCommands,
  addDeviceCommands,
  addActionCommands,
  addServiceCommands,
  addBulkCommands,
  addSshCommands,
  addTunnelCommand,
  addSshKeyCommands,
  addRecordingCommands,
  addDeviceUrlCommand,
  addViewCommands,
  addHistoryCommands,
  addProvisioningKeyCommands,
  addOrganizationCommands,
  addMemberCommands,
  addInvitationCommands,
  addPlanCommands,
  addAuditCommands,
  addUserCommands,
  addVersionCommand,
  addCompletionCommands,
  addHelpCommand,
]

export async function runMuster(args: readonly string[], context: Context): Promise<number> {
  const json = isJsonWanted(args)
  const program = createProgram(context)
  try {
    if (args[0] === '__complete') {
      await answerTab(program, context, args.slice(1))
      return exitCodes.ok
    }
    await program.parseAsync(args, { from: 'user' })
    return exitCodes.ok
  } catch (error) {
    const look = lookOf(context.stderr, context.env, 0)
    const cause = await causeOf(error, context, program.opts())
    const { exit, problem, text } = explainFailure(error, look, cause)
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
    .option('-q, --quiet', 'print the answer alone: no notes, no progress')
    .addOption(new Option('--color <when>', 'colours; default: auto').choices(colors))
    .option('--profile <profile>', 'use this profile instead of the current one')
    .option('--organization <organization>', 'work in this organization, by its slug')
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
  for (const addNoun of nouns) addNoun(program, context)
  for (const group of program.commands) group.helpCommand(false)
  addEndings(program)
  return program
}

function firstSentence(text: string): string {
  return text.split(/[.:;\n]/, 1)[0]!
}

function helpWidth(columns: number | undefined): number {
  return Math.min(columns || 80, 100)
}
