// What stands at the end of the help of each command: how it ends, and what to read next.

import { exitCodes } from '@muster/core/errors.ts'
import type { Command } from 'commander'
import type { topics } from './topics.ts'

const someFailed = '1 some devices failed, or it was aborted'

/** What an exit code means for a command beyond what it means for all. */
const ownExits: Record<string, string> = {
  'muster bulk follow': someFailed,
  'muster audit verify': '1 the audit log does not hold',
}

/** Besides those that are kept live, these go on until Ctrl-C. */
const untilStopped = new Set(['muster tunnel', 'muster recording play'])

/** What people look for next, by the command that they are at. */
const related: Record<string, readonly string[]> = {
  'muster login': ['profile add', 'token create', 'whoami'],
  'muster logout': ['session end', 'profile remove'],
  'muster whoami': ['organization list', 'profile list'],
  'muster token create': ['token list', 'token revoke'],
  'muster fleet create': ['provisioning-key create', 'fleet edit'],
  'muster fleet list': ['fleet show', 'device list'],
  'muster fleet show': ['device list', 'fleet history', 'fleet uptime'],
  'muster fleet changes': ['fleet diff', 'fleet list'],
  'muster fleet at': ['fleet diff', 'fleet timeline', 'fleet history'],
  'muster fleet diff': ['fleet at', 'fleet history'],
  'muster fleet timeline': ['fleet at', 'fleet uptime'],
  'muster fleet uptime': ['device uptime', 'fleet history'],
  'muster device list': ['device show', 'view save', 'device watch'],
  'muster device show': ['device history', 'device watch', 'device uptime'],
  'muster device history': ['device show', 'fleet history', 'history export'],
  'muster device watch': ['device list', 'device history'],
  'muster device preregister': ['provisioning-key create', 'device activate'],
  'muster device key': ['device show', 'device deactivate'],
  'muster device deactivate': ['device activate', 'device delete'],
  'muster device delete': ['device deactivate'],
  'muster bulk rename': ['bulk undo', 'bulk results', 'device list'],
  'muster bulk delete': ['bulk deactivate', 'bulk results', 'device list'],
  'muster bulk show': ['bulk results', 'bulk follow', 'bulk abort', 'bulk undo'],
  'muster device url': ['tunnel', 'device show'],
  'muster fleet terminal': ['recording list', 'fleet edit'],
  'muster ssh': ['ssh-key add', 'ssh-config', 'tunnel'],
  'muster ssh-config': ['ssh', 'ssh-key add'],
  'muster tunnel': ['ssh', 'device url'],
  'muster ssh-key add': ['ssh', 'ssh-key list'],
  'muster recording list': ['recording play', 'recording download', 'fleet terminal'],
  'muster recording play': ['recording list', 'recording download'],
  'muster recording download': ['recording play'],
  'muster view save': ['device list', 'view list'],
  'muster history export': ['fleet history', 'history keep'],
  'muster provisioning-key create': ['provisioning-key list', 'provisioning-key revoke'],
  'muster invitation create': ['invitation list', 'member list'],
  'muster invitation accept': ['login'],
  'muster member edit': ['member list', 'invitation create'],
  'muster audit export': ['audit verify', 'audit head'],
  'muster audit verify': ['audit head', 'audit export'],
}

/** Writes both under the help of every command that is run. */
export function addEndings(program: Command): void {
  for (const [path, command] of leavesOf(program)) {
    const next = (related[path] ?? []).map((name) => `muster ${name}`)
    const help = topicsOf(command).map((name) => `muster help ${name}`)
    const see = [...next, ...help].join(', ')
    command.addHelpText(
      'after',
      `\nExit codes:\n  ${exitsOf(path, command)}\n\nSee also:\n  ${see}`,
    )
  }
}

function exitsOf(path: string, command: Command): string {
  const { ok, failed, usage } = exitCodes
  const isLocal = /^muster (help|completion|profile (list|use|remove))/.test(path)
  const asks = isLocal ? '' : '; 3 not found, 4 refused, 5 conflict, 6 unreachable'
  const isFollowed = command.options.some(({ long }) => long === '--no-wait')
  const isStopped = isLive(command) || isFollowed || untilStopped.has(path)
  const stopped = isStopped ? '; 130 stopped by Ctrl-C' : ''
  const failure = ownExits[path] ?? (isFollowed ? someFailed : `${failed} failed`)
  return `${ok} done; ${failure}; ${usage} wrong usage${asks}${stopped}`
}

const isLive = (command: Command) =>
  command.name() === 'watch' || command.options.some(({ long }) => long === '--watch')

function topicsOf(command: Command): string[] {
  const has = (name: string) => command.options.some(({ long }) => long === name)
  const wanted = {
    filters: has('--filter'),
    statuses: has('--status') || command.name() === 'show',
    output: has('--columns') || isLive(command),
    profiles: command.parent?.name() === 'profile' || command.name() === 'login',
    'exit-codes': true,
  } satisfies Partial<Record<keyof typeof topics, boolean>>
  return Object.entries(wanted).flatMap(([name, isWanted]) => (isWanted ? [name] : []))
}

/** Every command that does something, by its words. */
export function leavesOf(command: Command, path = command.name()): [string, Command][] {
  if (command.commands.length === 0) return [[path, command]]
  return command.commands.flatMap((inner) => leavesOf(inner, `${path} ${inner.name()}`))
}
