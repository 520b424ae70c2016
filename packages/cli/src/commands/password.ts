// `muster password` and `muster totp`: the password, and the second factor beside it. Secrets are asked
// for on the terminal without being shown; a program gives them in the environment.

import { Refusal } from '@muster/core/errors.ts'
import type { Command } from 'commander'
import { type Context, createClient, type GlobalOptions, openSession } from '../context.ts'
import { examples } from '../help.ts'
import { parseServer } from '../profiles.ts'
import { momentText } from '../view/time.ts'

type Revoking = { revokeTokens?: true }
type Variable = 'MUSTER_PASSWORD' | 'MUSTER_NEW_PASSWORD'

/** From the environment, or asked for. */
async function secret({ env, ask }: Context, variable: Variable, question: string) {
  const given = env[variable] ?? (await ask?.secret(`${question}: `))
  if (given === undefined)
    throw new Refusal('wrong-usage', `no terminal is here to ask; set ${variable}`)
  return given
}

export async function newPassword(context: Context): Promise<string> {
  const password = await secret(context, 'MUSTER_NEW_PASSWORD', 'New password')
  if (context.env.MUSTER_NEW_PASSWORD !== undefined) return password
  if ((await context.ask?.secret('Once more: ')) !== password)
    throw new Refusal('wrong-usage', 'the two are not the same')
  return password
}

export function addPasswordCommands(program: Command, context: Context) {
  const password = program
    .command('password')
    .summary('change your password, or set a forgotten one')
    .description('Change your password, or set a forgotten one with a link of an administrator.')
  const change = password
    .command('change')
    .description(
      'Change your password. It ends all your other sessions; your API tokens stay unless you say so.',
    )
    .option('--revoke-tokens', 'also revoke all your API tokens')
    .action(async ({ revokeTokens }: Revoking, command: Command) => {
      const { api, note } = await openSession(context, command)
      const old = await secret(context, 'MUSTER_PASSWORD', 'Password')
      const change = { password: old, newPassword: await newPassword(context) }
      await api.passwords.change({ ...change, revokesTokens: revokeTokens })
      note(
        `The password is changed; all other sessions are ended${revokeTokens ? ', all API tokens revoked' : ''}.`,
      )
    })
  examples(
    change,
    ['muster password change', 'asks for the old and the new one'],
    ['muster password change --revoke-tokens', 'somebody may have seen the old one'],
  )
  const link = password
    .command('reset-link')
    .description(
      'Make a one-time link for a member who forgot the password. It works once, within a day, and is worth as much as the password: hand it over as such.',
    )
    .argument('<email>', 'the e-mail of the member')
    .option('--drop-totp', 'also switch off the second factor, for one who lost it')
    .action(async (email: string, options: { dropTotp?: true }, command: Command) => {
      const { api, print, note, look } = await openSession(context, command)
      const made = await api.passwords.createResetLink({ email, dropsTotp: options.dropTotp })
      print(made, ({ token }) => token)
      note(
        `It works once, until ${momentText(made.expiresAt, look())}. They run: muster password reset --server ${api.server} TOKEN`,
      )
    })
  examples(link, ['muster password reset-link ada@example.org', 'prints what to hand over'])
  const reset = password
    .command('reset')
    .description(
      'Set a new password with such a link. It ends all sessions; API tokens stay unless you say so.',
    )
    .option('--revoke-tokens', 'also revoke all API tokens')
    .argument('<token>', 'as the administrator gave it')
    .option('--server <url>', 'the address of the server; default: that of the profile')
    .action(async (token: string, options: Revoking & { server?: string }, command: Command) => {
      const { json } = command.optsWithGlobals<GlobalOptions>()
      const client = options.server
        ? createClient(context, parseServer(options.server), undefined)
        : (await openSession(context, command)).api
      const order = { token, newPassword: await newPassword(context) }
      await client.passwords.reset({ ...order, revokesTokens: options.revokeTokens })
      if (!json) context.stderr.write('The password is set; sign in with it.\n')
    })
  examples(reset, [
    'muster password reset "$LINK" --server https://muster.example.org',
    'asks for the new one',
  ])
}

export function addTotpCommands(program: Command, context: Context) {
  const totp = program
    .command('totp')
    .summary('the second factor at sign-in')
    .description('The second factor: six digits of an authenticator, asked for at each sign-in.')
  const on = totp
    .command('on')
    .description('Set up an authenticator and switch the second factor on.')
    .action(async (_options, command: Command) => {
      const { api, print, note } = await openSession(context, command)
      if (!context.ask) throw new Refusal('wrong-usage', 'this needs a terminal, to ask for a code')
      const { uri, secret: key } = await api.totp.begin(
        await secret(context, 'MUSTER_PASSWORD', 'Password'),
      )
      context.stderr.write(`Give this to your authenticator:\n  ${uri}\nor the key ${key}\n`)
      const codes = await api.totp.confirm(await context.ask.line('The code that it shows: '))
      print(codes, ({ recoveryCodes }) => recoveryCodes.join('\n'))
      note('It is on. Keep these recovery codes: each opens the door once, without authenticator.')
    })
  examples(on, ['muster totp on', 'asks for the password and the first code'])
  const off = totp
    .command('off')
    .description('Switch the second factor off.')
    .action(async (_options, command: Command) => {
      const { api, note } = await openSession(context, command)
      await api.totp.drop(await secret(context, 'MUSTER_PASSWORD', 'Password'))
      note('The second factor is off.')
    })
  examples(off, ['muster totp off', 'asks for the password'])
  const show = totp
    .command('show')
    .description('Show whether it is on, and how many recovery codes are left.')
    .action(async (_options, command: Command) => {
      const { api, print } = await openSession(context, command)
      print(await api.totp.read(), ({ on, recoveryCodeCount }) =>
        on ? `It is on; ${recoveryCodeCount} recovery codes are left.` : 'It is off.',
      )
    })
  examples(show, ['muster totp show', 'is it on?'])
  const renew = totp
    .command('recovery-codes')
    .description('Make new recovery codes; those before them work no longer.')
    .action(async (_options, command: Command) => {
      const { api, print, note } = await openSession(context, command)
      const given = await secret(context, 'MUSTER_PASSWORD', 'Password')
      const codes = await api.totp.renewRecoveryCodes(given)
      print(codes, ({ recoveryCodes }) => recoveryCodes.join('\n'))
      note('Keep them: each opens the door once, without authenticator.')
    })
  examples(renew, ['muster totp recovery-codes', 'the old ones were seen by somebody'])
}
