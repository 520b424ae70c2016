// `muster login`, `logout` and `whoami`: where the command line is signed in, and as whom.

import { Refusal } from '@muster/core/errors.ts'
import type { Command } from 'commander'
import { type Context, createClient, type GlobalOptions, openSession } from '../context.ts'
import { examples } from '../help.ts'
import {
  defaultProfile,
  isPlainRemote,
  type Profile,
  parseServer,
  profilePath,
  readProfiles,
  writeProfiles,
} from '../profiles.ts'
import { renderRows } from '../view/card.ts'
import { relativeText } from '../view/time.ts'

export function addSignInCommands(program: Command, context: Context) {
  addLogin(program, context)
  addLogout(program, context)
  addWhoAmI(program, context)
}

export type LoginOptions = GlobalOptions & { server?: string; token?: string; email?: string }

function addLogin(program: Command, context: Context) {
  const login = program
    .command('login')
    .summary('sign in to a server')
    .description(
      'Sign in to a server and remember it as a profile, which becomes the current one.\n\nThe password is asked for without being shown, or taken from MUSTER_PASSWORD. The profile is kept in $XDG_CONFIG_HOME/muster/config.json, readable by you alone.',
    )
    .option('--server <url>', 'the address of the server; default: that of the profile')
    .option('--token <token>', 'use this API token instead of a password')
    .option('--email <address>', 'the e-mail address to sign in with')
    .action(async (_options, command: Command) => {
      const options = command.optsWithGlobals<LoginOptions>()
      const path = profilePath(context.env)
      const file = await readProfiles(path)
      const name = options.profile ?? (context.env.MUSTER_PROFILE || file.current)
      const server = options.server ?? context.env.MUSTER_SERVER ?? file.profiles[name]?.server
      if (!server) throw new Refusal('wrong-usage', 'which server? Give --server URL')
      const profile = await signIn(context, parseServer(server), options)
      file.profiles[name] = profile
      await writeProfiles(path, { ...file, current: name })
      const { email } = profile
      if (options.json)
        context.stdout.write(
          `${JSON.stringify({ profile: name, server: profile.server, email }, null, 2)}\n`,
        )
      else context.stdout.write(`Signed in to ${profile.server} as ${email} (profile ${name}).\n`)
      if (isPlainRemote(profile.server))
        context.stderr.write('Careful: this connection is not encrypted; use https.\n')
    })
  examples(
    login,
    ['muster login --server https://muster.example.org', 'asks for e-mail and password'],
    ['muster login --server http://localhost:8080 --token "$TOKEN"', 'signs in with an API token'],
    [
      'MUSTER_PASSWORD="$PASSWORD" muster login --server https://muster.example.org --email ada@example.org --profile test',
      'without a terminal, as a second profile',
    ],
  )
}

/** Asks for what is missing, signs in, and returns the profile that remembers it. */
export async function signIn(
  context: Context,
  server: string,
  options: LoginOptions,
): Promise<Profile> {
  const { env, ask } = context
  const organization = options.organization ?? env.MUSTER_ORGANIZATION
  const chosen = organization ? { organization } : {}
  const token = options.token ?? (options.email ? undefined : env.MUSTER_TOKEN)
  if (options.token && options.email)
    throw new Refusal('wrong-usage', 'give --token or --email, not both')
  if (token) {
    const { email } = await createClient(context, server, token, organization).whoAmI()
    return { server, token, email, ...chosen }
  }
  const email = options.email ?? (await ask?.line('E-mail: '))
  if (!email) throw new Refusal('wrong-usage', 'as whom? Give --email or --token')
  const password = env.MUSTER_PASSWORD ?? (await ask?.secret('Password: '))
  if (password === undefined)
    throw new Refusal(
      'wrong-usage',
      'no terminal is here to ask for the password; set MUSTER_PASSWORD',
    )
  const signedIn = await signInWithCode(context, server, { email, password })
  const { token: given, expiresAt } = signedIn
  return { server, token: given, email: signedIn.email, expiresAt, ...chosen }
}

/** A second factor is asked for where the server says that it is on. */
async function signInWithCode(
  context: Context,
  server: string,
  credentials: { email: string; password: string },
) {
  const api = createClient(context, server, undefined)
  try {
    return await api.signIn({ ...credentials, totp: context.env.MUSTER_TOTP })
  } catch (error) {
    const isAsked = error instanceof Refusal && error.code === 'totp-required'
    if (!isAsked || !context.ask) throw error
    const code = await context.ask.line('Code of the second factor: ')
    return api.signIn({ ...credentials, totp: code.trim() })
  }
}

function addLogout(program: Command, context: Context) {
  const logout = program
    .command('logout')
    .summary('sign out and forget the token')
    .description(
      'End the sign-in at the server and forget the profile.\n\nA token that was given with --token is forgotten here and stays valid at the server. Where the server cannot be reached the profile is forgotten all the same.',
    )
    .action(async (_options, command: Command) => {
      const { profile: named } = command.optsWithGlobals<GlobalOptions>()
      const path = profilePath(context.env)
      const file = await readProfiles(path)
      const name = named ?? (context.env.MUSTER_PROFILE || file.current)
      const profile = file.profiles[name]
      if (!profile) throw new Refusal('unauthenticated', `no profile "${name}" is signed in`)
      let caution = ''
      if (profile.expiresAt !== undefined)
        try {
          await createClient(context, profile.server, profile.token).signOut()
        } catch (error) {
          if (!(error instanceof Refusal)) throw error
          if (error.code !== 'unauthenticated')
            caution = `The server could not be told (${error.message}); the token ends by itself ${relativeText(profile.expiresAt, context.clock.now())}.\n`
        }
      delete file.profiles[name]
      const current =
        name === file.current ? (Object.keys(file.profiles)[0] ?? defaultProfile) : file.current
      await writeProfiles(path, { ...file, current })
      context.stderr.write(`${caution}Signed out of ${profile.server} (profile ${name}).\n`)
    })
  examples(
    logout,
    ['muster logout', 'signs out of the current profile'],
    ['muster logout --profile test', 'signs out of another one'],
  )
}

function addWhoAmI(program: Command, context: Context) {
  const whoami = program
    .command('whoami')
    .summary('show who is signed in, and where')
    .description('Show who is signed in, in which organization and role, and at which server.')
    .action(async (_options, command: Command) => {
      const { api, target, print } = await openSession(context, command)
      print(await api.whoAmI(), ({ email, organization, role }, look) =>
        renderRows(
          [
            ['signed in as', email],
            ['organization', organization],
            ['role', role],
            ['server', target.server],
            ['profile', target.profile ?? 'none; the environment decides'],
          ],
          look,
        ).join('\n'),
      )
    })
  examples(whoami, ['muster whoami --json', 'the same for a program'])
}
