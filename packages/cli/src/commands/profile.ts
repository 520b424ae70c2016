// `muster profile`: several servers, or one server as several people or organizations. A profile is
// an address, a token and a choice of organization; the file that holds them is never shown.

import { Refusal } from '@muster/core/errors.ts'
import type { Command } from 'commander'
import { type Context, confirm, type GlobalOptions, lookOf, writeLine } from '../context.ts'
import { examples } from '../help.ts'
import { addTableOptions } from '../options.ts'
import { parseServer, profilePath, readProfiles, writeProfiles } from '../profiles.ts'
import { renderTable } from '../view/table.ts'
import { type Look, printable, type TableWishes } from '../view/text.ts'
import { relativeText } from '../view/time.ts'
import { type LoginOptions, signIn } from './sign-in.ts'

/** What may be shown of a profile: never its token. */
type ProfileView = {
  name: string
  server: string
  email: string
  organization: string | null
  expiresAt: number | null
  current: boolean
}

export function addProfileCommands(program: Command, context: Context) {
  const profile = program
    .command('profile')
    .summary('several servers: list, choose, add, remove')
    .description(
      'Profiles remember several servers, or several organizations or people at one. The current profile is used unless --profile or MUSTER_PROFILE names another. See `muster help profiles`.',
    )
  addList(profile, context)
  addUse(profile, context)
  addAdd(profile, context)
  addRemove(profile, context)
}

function addList(profile: Command, context: Context) {
  const list = addTableOptions(profile.command('list'), profileTable)
    .description('List the profiles that are signed in; the current one has a star.')
    .action(async (_options, command: Command) => {
      const { json, color, ...wishes } = command.optsWithGlobals<GlobalOptions & TableWishes>()
      const { stdout, env, clock } = context
      const { current, profiles } = await readProfiles(profilePath(env))
      const items = Object.entries(profiles).map(
        ([name, { server, email, organization, expiresAt }]): ProfileView => ({
          name,
          server,
          email,
          organization: organization ?? null,
          expiresAt: expiresAt ?? null,
          current: name === current,
        }),
      )
      const { columns, wide, headers } = wishes
      const look = lookOf(stdout, env, clock.now(), { color, columns, wide, headers })
      writeLine(
        stdout,
        json ? JSON.stringify({ items }, null, 2) : profileTable(printable(items), look),
      )
    })
  examples(list, ['muster profile list', 'the current one has a star'])
}

function profileTable(profiles: readonly ProfileView[], look: Look): string {
  return renderTable<ProfileView>(
    [
      { title: '', cell: ({ current }) => (current ? '*' : '') },
      { title: 'PROFILE', cell: ({ name }) => name },
      { title: 'SERVER', cell: ({ server }) => server, shrinksTo: 20 },
      { title: 'AS', cell: ({ email }) => email, shrinksTo: 12, goes: 2 },
      { title: 'ORGANIZATION', cell: ({ organization }) => organization ?? '', goes: 1 },
      {
        title: 'EXPIRES',
        cell: ({ expiresAt }) => (expiresAt === null ? '' : relativeText(expiresAt, look.now)),
        hidden: true,
      },
    ],
    profiles,
    look,
  )
}

function addUse(profile: Command, context: Context) {
  const use = profile
    .command('use')
    .description('Make a profile the current one.')
    .argument('<profile>', 'its name')
    .action(async (name: string, _options, command: Command) => {
      const path = profilePath(context.env)
      const file = await readProfiles(path)
      requireProfile(file.profiles, name)
      await writeProfiles(path, { ...file, current: name })
      noteBeside(context, command, `${name} is the current profile.`)
    })
  examples(use, ['muster profile use production', 'commands now ask that server'])
}

function addAdd(profile: Command, context: Context) {
  const add = profile
    .command('add')
    .description(
      'Sign in to one more server and remember it under a name. The current profile stays; the first one becomes it.\n\nWith --organization the profile always works in that organization.',
    )
    .argument('<name>', 'a new name')
    .requiredOption('--server <url>', 'the address of the server')
    .option('--token <token>', 'use this API token instead of a password')
    .option('--email <address>', 'the e-mail address to sign in with')
    .action(async (name: string, _options, command: Command) => {
      const options = command.optsWithGlobals<LoginOptions & { server: string }>()
      const path = profilePath(context.env)
      const file = await readProfiles(path)
      if (Object.hasOwn(file.profiles, name))
        throw new Refusal('wrong-usage', `there is a profile "${name}" already; remove it first`)
      const added = await signIn(context, parseServer(options.server), options)
      const isFirst = Object.keys(file.profiles).length === 0
      file.profiles[name] = added
      await writeProfiles(path, isFirst ? { ...file, current: name } : file)
      noteBeside(context, command, `Profile ${name}: ${added.server} as ${added.email}.`)
    })
  examples(
    add,
    ['muster profile add staging --server https://staging.example.org', 'asks who you are'],
    [
      'muster profile add acme --server https://muster.example.org --organization acme',
      'a second organization at the same server',
    ],
  )
}

function addRemove(profile: Command, context: Context) {
  const remove = profile
    .command('remove')
    .description(
      'Forget a profile here. Its token stays valid at the server: `muster logout --profile NAME` ends it there too.',
    )
    .argument('<profile>', 'its name')
    .option('--yes', 'do not ask')
    .action(async (name: string, options: { yes?: true }, command: Command) => {
      const path = profilePath(context.env)
      const file = await readProfiles(path)
      requireProfile(file.profiles, name)
      await confirm(context, `Forget profile ${name}?`, options.yes)
      delete file.profiles[name]
      const current = name === file.current ? (Object.keys(file.profiles)[0] ?? '') : file.current
      await writeProfiles(path, { ...file, current: current || 'default' })
      noteBeside(context, command, `Profile ${name} is forgotten.`)
    })
  examples(remove, ['muster profile remove staging --yes', 'without being asked'])
}

function requireProfile(profiles: object, name: string) {
  if (Object.hasOwn(profiles, name)) return
  const known = Object.keys(profiles).join(', ') || 'none'
  throw new Refusal('wrong-usage', `there is no profile "${name}"; there are: ${known}`)
}

function noteBeside({ stderr }: Context, command: Command, text: string) {
  const { json, quiet } = command.optsWithGlobals<GlobalOptions>()
  if (!json && !quiet) stderr.write(`${text}\n`)
}
