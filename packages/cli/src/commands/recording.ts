// `muster recording`: what terminals showed, listed, kept elsewhere, played again; and what a fleet
// says about its terminals, `muster fleet terminal`. A recording is played by a player of our own, since
// asciinema is rarely on the machine of whoever must know quickly what happened.

import { readFile } from 'node:fs/promises'
import { type CastEvent, castEvents } from '@muster/core/asciicast.ts'
import { Refusal } from '@muster/core/errors.ts'
import {
  type RecordingMode,
  recordingModes,
  type TerminalPolicy,
  terminalPolicyLimits,
} from '@muster/core/terminal-api.ts'
import { type Command, Option } from 'commander'
import { parseCount, parseDuration } from '../arguments.ts'
import { type Context, type GlobalOptions, openSession } from '../context.ts'
import { openFile, textOf, writeText } from '../copying.ts'
import { Stopped } from '../failure.ts'
import { findDevice } from '../find-device.ts'
import { deviceWord, examples } from '../help.ts'
import { addListOptions, type ListOptions, pageQuery, parsedBy } from '../options.ts'
import { pacedEvents, playEvents } from '../playback.ts'
import { interruptedExit } from '../terminal.ts'
import { recordingCard, recordingTable, terminalPolicyCard } from '../view/recordings.ts'
import { durationText, localTimeText } from '../view/time.ts'

const idWord = 'its number, as `muster recording list` shows it'

export function addRecordingCommands(program: Command, context: Context) {
  const recording = program
    .command('recording')
    .summary('recordings of terminals: list, play, download')
    .description(
      'What terminals in a browser showed, where the fleet records them: see `muster fleet terminal`. You see your own, and those of all if you may read the audit log.',
    )
  addList(recording, context)
  addShow(recording, context)
  addDownload(recording, context)
  addPlay(recording, context)
  addDelete(recording, context)
  addTerminalPolicy(program.commands.find((command) => command.name() === 'fleet')!, context)
}

type RecordingListOptions = ListOptions & { device?: string; user?: string }

function addList(recording: Command, context: Context) {
  const list = addListOptions(recording.command('list'), recordingTable)
    .description('List recordings of terminals, newest first.')
    .option('--device <device>', `of this device: ${deviceWord}`)
    .option('--user <member>', 'of terminals of this person, by e-mail')
    .action(async ({ device, user, ...options }: RecordingListOptions, command: Command) => {
      const { api, printList } = await openSession(context, command)
      // Recordings outlive their device, which is then found by nobody.
      const isUuid = device !== undefined && /^(?:[0-9a-f]{32}|[0-9a-f]{62})$/.test(device)
      const uuid = device === undefined || isUuid ? device : (await findDevice(api, device)).uuid
      const pages = api.recordings.pages({ ...pageQuery(options), device: uuid, user })
      await printList(pages, options.all, recordingTable)
    })
  examples(
    list,
    ['muster recording list', 'who sat at a terminal, and for how long?'],
    ['muster recording list --device quiet-river', 'of one device'],
  )
}

function addShow(recording: Command, context: Context) {
  const show = recording
    .command('show')
    .description('Show what is known of a recording.')
    .argument('<recording>', idWord, parsedBy(parseCount))
    .action(async (id: number, _options, command: Command) => {
      const { api, print } = await openSession(context, command)
      print(await api.recordings.read(id), recordingCard)
    })
  examples(show, ['muster recording show 1', 'whose it is, and until when it is kept'])
}

function addDownload(recording: Command, context: Context) {
  const download = recording
    .command('download')
    .description(
      'Write a recording as asciicast v2, as asciinema and web players take it. Each download is in the audit log.',
    )
    .argument('<recording>', idWord, parsedBy(parseCount))
    .option('--output <file>', 'write into this file, and not to standard output')
    .action(async (id: number, { output }: { output?: string }, command: Command) => {
      const { api, note } = await openSession(context, command)
      const body = await api.recordings.cast(id)
      const file = output === undefined ? null : await openFile(output)
      try {
        for await (const text of textOf(body)) await writeText(file ?? context.stdout, text)
      } finally {
        if (file) await new Promise((resolve) => file.end(resolve))
      }
      if (output !== undefined) note(`Recording ${id} is in ${output}.`)
    })
  examples(
    download,
    ['muster recording download 1 --output incident.cast', 'into a file'],
    ['muster recording download 1 > incident.cast', 'the same'],
  )
}

type PlayOptions = { speed?: number; idleLimit?: number }

function addPlay(recording: Command, context: Context) {
  const play = recording
    .command('play')
    .description(
      'Show a recording again in this terminal, until its end or Ctrl-C. With --json it prints one event a line, without waiting.',
    )
    .argument('<recording>', `${idWord}, or a file in asciicast v2`)
    .option('--speed <times>', 'so many times as fast (default: 1)', parsedBy(parseSpeed))
    .option(
      '--idle-limit <duration>',
      'wait no longer than this where nothing happened (default: as long as it was)',
      parsedBy(parseDuration),
    )
    .action(async (word: string, options: PlayOptions, command: Command) => {
      const { json, quiet } = command.optsWithGlobals<GlobalOptions>()
      const text = await loadCast(context, command, word)
      const events = eventsOf(text, word)
      if (json) {
        for (const event of events) await writeText(context.stdout, `${JSON.stringify(event)}\n`)
        return
      }
      if (!quiet) context.stderr.write(sizeNote(context, text))
      const { speed = 1, idleLimit: idleLimitMs = Number.POSITIVE_INFINITY } = options
      const signal = context.interrupted()
      const { stdout: output, clock } = context
      await playEvents(pacedEvents(events, { speed, idleLimitMs }), { output, clock, signal })
      if (signal.aborted) throw new Stopped(interruptedExit)
    })
  examples(
    play,
    ['muster recording play 1 --speed 2 --idle-limit 2s', 'what happened, without the waiting'],
    ['muster recording play incident.cast', 'a file that was downloaded'],
  )
}

function parseSpeed(text: string): number {
  const speed = /^\d{1,4}(?:\.\d{1,3})?$/.test(text) ? Number(text) : 0
  if (speed > 0) return speed
  throw new Refusal('wrong-usage', `"${text}" is not a speed such as 2 or 0.5`)
}

/** A number is a recording of the server, and a file of that name is ./1. No file needs a server. */
async function loadCast(context: Context, command: Command, word: string): Promise<string> {
  if (/^\d+$/.test(word)) {
    const { api } = await openSession(context, command)
    let text = ''
    for await (const piece of textOf(await api.recordings.cast(parseCount(word)))) text += piece
    return text
  }
  return readFile(word, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new Refusal('wrong-usage', `${word} cannot be read (${error.code})`)
  })
}

function* eventsOf(text: string, word: string): Generator<CastEvent, void, void> {
  try {
    yield* castEvents(text.split('\n'))
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw new Refusal('wrong-usage', `${word} is not asciicast v2: ${error.message}`)
  }
}

/** Said where the recording does not fit. */
function sizeNote({ stdout }: Context, text: string): string {
  const [first = ''] = text.split('\n', 1)
  const { width = 0, height = 0 } = readHeader(first)
  const { isTTY, columns = width, rows = height } = stdout
  if (!isTTY || (columns >= width && rows >= height)) return ''
  return `It was ${width} × ${height}, and this terminal is ${columns} × ${rows}.\n`
}

/** What is wrong with it is said by its first event. */
function readHeader(line: string): { width?: number; height?: number } {
  try {
    return JSON.parse(line) as { width?: number; height?: number }
  } catch {
    return {}
  }
}

function addDelete(recording: Command, context: Context) {
  const remove = recording
    .command('delete')
    .description('Delete a recording, for good. That it was deleted is in the audit log.')
    .argument('<recording>', idWord, parsedBy(parseCount))
    .option('--yes', 'do not ask')
    .action(async (id: number, options: { yes?: true }, command: Command) => {
      const { api, confirm, look, note } = await openSession(context, command)
      const { device, user, startedAt } = await api.recordings.read(id)
      const which = `of ${user} at ${device}, ${localTimeText(startedAt, look())}`
      await confirm(`Delete recording ${id} (${which}), for good?`, options.yes)
      await api.recordings.delete(id)
      note(`Recording ${id} is deleted.`)
    })
  examples(remove, ['muster recording delete 1 --yes', 'without being asked'])
}

type TerminalOptions = {
  recording?: RecordingMode
  keep?: number
  idleLimit?: number
  longest?: number
}

function addTerminalPolicy(fleet: Command, context: Context) {
  const { keptDays, idleLimitMs, longestMs } = terminalPolicyLimits
  const within = ({ min, max }: { min: number; max: number }) =>
    `${durationText(min)} to ${durationText(max)}`
  const terminal = fleet
    .command('terminal')
    .description(
      'Show what a fleet says about terminals in a browser: how long they may last, and whether they are recorded; or change it, for those that are opened from then on.',
    )
    .argument('<fleet>', 'its slug')
    .addOption(
      new Option('--recording <mode>', 'whether they are recorded').choices(
        Object.keys(recordingModes),
      ),
    )
    .option(
      '--keep <days>',
      `keep recordings for so many days, ${keptDays.min} to ${keptDays.max}`,
      parsedBy(parseCount),
    )
    .option(
      '--idle-limit <duration>',
      `close a terminal in which nobody types for so long (${within(idleLimitMs)})`,
      parsedBy(parseDuration),
    )
    .option(
      '--longest <duration>',
      `close a terminal after so long (${within(longestMs)})`,
      parsedBy(parseDuration),
    )
    .action(async (slug: string, options: TerminalOptions, command: Command) => {
      const { api, print } = await openSession(context, command)
      const before = await api.terminalPolicy.read(slug)
      const policy: TerminalPolicy = {
        recording: options.recording ?? before.recording,
        keptDays: options.keep ?? before.keptDays,
        idleLimitMs: options.idleLimit ?? before.idleLimitMs,
        longestMs: options.longest ?? before.longestMs,
      }
      const isChange = Object.values(options).some((value) => value !== undefined)
      print(
        isChange ? await api.terminalPolicy.put(slug, policy, before) : before,
        terminalPolicyCard,
      )
    })
  examples(
    terminal,
    ['muster fleet terminal garden', 'are terminals recorded, and for how long are they kept?'],
    ['muster fleet terminal garden --recording required --keep 30', 'no terminal without a record'],
  )
}
