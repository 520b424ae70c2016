// `muster audit`: what people and programs did, as a list and as a file, and whether it is still what
// was written down.

import { hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import type { ApiClient } from '@muster/core/api-client.ts'
import { type AuditFormat, auditFormats } from '@muster/core/audit-api.ts'
import {
  type AuditHead,
  auditOutcomes,
  chainFaults,
  parseHeadWord,
} from '@muster/core/audit-chain.ts'
import { type Verified, verifyExport } from '@muster/core/client/audit.ts'
import { exitCodes, Refusal } from '@muster/core/errors.ts'
import { type Command, Option } from 'commander'
import { parsePeriod } from '../arguments.ts'
import { type Context, openSession } from '../context.ts'
import { Stopped } from '../failure.ts'
import { examples, times } from '../help.ts'
import { addListOptions, type ListOptions, pageQuery } from '../options.ts'
import { auditTable } from '../view/audit.ts'

type Whose = { ofServer?: true }
type Filters = Whose & {
  user?: string
  operation?: string
  target?: string
  fleet?: string
  outcome?: keyof typeof auditOutcomes
  from?: string
  to?: string
  search?: string
}

export function addAuditCommands(program: Command, context: Context) {
  const audit = program
    .command('audit')
    .summary('what people and programs did: list, export, verify')
    .description(
      'The audit log of the organization. Its entries are a chain of hashes: whoever changes, removes or inserts one breaks it, and `muster audit verify` names the first that does not hold.',
    )
  addList(audit, context)
  addExport(audit, context)
  addHead(audit, context)
  addVerify(audit, context)
}

/** The log of the organization, or the one of the server itself. */
function addWhose(command: Command): Command {
  return command.option('--of-server', 'the log of what belongs to no organization')
}

const logOf = ({ audit }: ApiClient, { ofServer }: Whose) => (ofServer ? audit.ofServer : audit)

function addFilters(command: Command): Command {
  return addWhose(command)
    .option('--user <email>', 'by this person')
    .option('--operation <name>', 'such as fleets.change, or its beginning such as fleets')
    .option('--target <text>', 'such as "fleet garden", or its beginning')
    .option('--fleet <slug>', 'about this fleet')
    .addOption(new Option('--outcome <outcome>', 'how it went').choices(Object.keys(auditOutcomes)))
    .option('--from <time>', 'at or after this time')
    .option('--to <time>', 'before this time')
    .option('--search <text>', 'text anywhere in an entry')
}

function filterOf(filters: Filters, now: number) {
  const { search: q, user, operation, target, fleet, outcome } = filters
  return { user, operation, target, fleet, outcome, q, ...parsePeriod(filters, now) }
}

function addList(audit: Command, context: Context) {
  const list = addListOptions(addFilters(audit.command('list')))
    .description(`List what people and programs did, newest first.\n\n${times}`)
    .summary('list what people and programs did')
    .action(async (options: Filters & ListOptions, command: Command) => {
      const { api, printList, look } = await openSession(context, command)
      const query = { ...filterOf(options, look().now), ...pageQuery(options) }
      await printList(logOf(api, options).pages(query), options.all, auditTable)
    })
  examples(
    list,
    ['muster audit list --from 1d --outcome refused', 'what was refused since yesterday?'],
    ['muster audit list --of-server --from 1d', 'who tried to sign in under unknown names?'],
    ['muster audit list --target "fleet garden"', 'who changed the fleet garden, and how?'],
  )
}

function addExport(audit: Command, context: Context) {
  const write = addFilters(audit.command('export'))
    .description(
      'Write the audit log to standard output. As NDJSON it can be verified without a server; an entry that a filter leaves out keeps its place in the chain as a hash.',
    )
    .summary('write it to a file')
    .addOption(
      new Option('--format <format>', 'the form').choices([...auditFormats]).default('ndjson'),
    )
    .action(async (options: Filters & { format: AuditFormat }, command: Command) => {
      const { api, look, progress: openProgress } = await openSession(context, command)
      const query = { ...filterOf(options, look().now), format: options.format }
      using progress = context.stdout.isTTY ? null : openProgress('Export')
      let count = 0
      for await (const piece of logOf(api, options).export(query)) {
        context.stdout.write(piece)
        count += piece.split('\n').length - 1
        progress?.update(count, null, 'entries')
      }
    })
  examples(
    write,
    ['muster audit export > audit.ndjson', 'all of it, to be kept'],
    ['muster audit export --format csv --from 30d > audit.csv', 'for a spreadsheet'],
  )
}

function addHead(audit: Command, context: Context) {
  const head = addWhose(audit.command('head'))
    .description(
      'Print the head of the audit log as one word. Kept where nobody with access to the server can change it, it shows later whether anything before it was changed or cut off.',
    )
    .summary('print its head, to be kept elsewhere')
    .action(async (options: Whose, command: Command) => {
      const { api, print } = await openSession(context, command)
      print(await logOf(api, options).head(), ({ head }) => head)
    })
  examples(
    head,
    ['muster audit head --of-server', 'of the log of the server'],
    ['muster audit head >> heads.txt', 'once a day, on another machine'],
  )
}

type VerifyOptions = Whose & { sinceHead?: string }

function addVerify(audit: Command, context: Context) {
  const verify = addWhose(audit.command('verify'))
    .description(
      'Verify the chain of the audit log: of an exported file without any server, else of the server. The first entry that does not hold is named, and the exit code is 1.',
    )
    .summary('prove that nothing in it was changed')
    .argument('[file]', 'an export as NDJSON')
    .option('--since-head <head>', 'a head that was kept: the chain must go through it')
    .action(async (file: string | undefined, options: VerifyOptions, command: Command) => {
      const { sinceHead } = options
      const head = sinceHead === undefined ? null : parseHeadWord(sinceHead)
      if (sinceHead !== undefined && !head)
        throw new Refusal('wrong-usage', '--since-head: a word as `muster audit head` prints it')
      const { json = false } = command.optsWithGlobals<{ json?: true }>()
      const pieces =
        file === undefined ? await exported(context, command, options, head) : readText(file)
      const verified = await verifyAll(pieces, head)
      const told =
        verified.fault && `entry ${verified.fault.position} ${chainFaults[verified.fault.kind]}`
      context.stdout.write(
        json
          ? `${JSON.stringify({ ...verified, told }, null, 2)}\n`
          : `${sentenceOf(verified, told)}\n`,
      )
      if (told) throw new Stopped(exitCodes.failed)
    })
  examples(
    verify,
    ['muster audit verify', 'the log of the organization'],
    ['muster audit verify --of-server', 'the log of the server itself'],
    ['muster audit verify audit.ndjson', 'of a file, without a server'],
    ['muster audit verify --since-head "$(tail -1 heads.txt)"', 'only what came since that head'],
  )
}

const sha256 = (text: string) => hash('sha256', text, 'hex')

async function verifyAll(
  pieces: AsyncIterable<string>,
  head: (AuditHead & { organizationId: number }) | null,
): Promise<Verified> {
  const verified = await verifyExport(pieces, { sha256, kept: head ? [head] : [] })
  if (head && head.organizationId !== verified.organizationId)
    throw new Refusal('wrong-usage', 'this head is that of another organization')
  return verified
}

/** From the kept head on: what came before it is covered by its hash, which must be found there. */
async function exported(context: Context, command: Command, whose: Whose, head: AuditHead | null) {
  const { api } = await openSession(context, command)
  return logOf(api, whose).export(head ? { after: Math.max(0, head.position - 1) } : {})
}

async function* readText(path: string): AsyncGenerator<string> {
  try {
    for await (const piece of createReadStream(path, 'utf8')) yield piece
  } catch (error) {
    throw new Refusal('wrong-usage', `${path}: ${(error as Error).message}`)
  }
}

function sentenceOf(
  { anchor, last, entryCount, omittedCount }: Verified,
  told: string | null,
): string {
  const range = `entries ${anchor.position + 1} to ${last.position}`
  if (told) return `The audit log does not hold: ${told}.`
  if (entryCount + omittedCount === 0) return 'The audit log holds; it has no entries here.'
  const kept = omittedCount > 0 ? `, of which ${omittedCount} are kept as hashes alone` : ''
  return `The audit log holds: ${range}${kept}. Its head is ${last.hash}.`
}
