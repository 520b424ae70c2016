// `muster invitation`: inviting people into the organization, and coming in with a link.

import type { Command } from 'commander'
import { type Context, createClient, loadTarget, openSession, writeLine } from '../context.ts'
import { findInvitation, personWord } from '../find-person.ts'
import { examples } from '../help.ts'
import { addListOptions, type ListOptions, pageQuery } from '../options.ts'
import { parseServer } from '../profiles.ts'
import { invitationTable } from '../view/member.ts'
import { addRoleOptions, type Held, heldOf } from './member.ts'
import { newPassword } from './password.ts'

export function addInvitationCommands(program: Command, context: Context) {
  const invitation = program
    .command('invitation')
    .summary('invite people into the organization')
    .description('Invitations: a link that works once, for a week.')
  addCreate(invitation, context)
  addList(invitation, context)
  addResend(invitation, context)
  addRevoke(invitation, context)
  addAccept(invitation, context)
}

function addCreate(invitation: Command, context: Context) {
  const create = addRoleOptions(invitation.command('create'))
    .description('Invite somebody. The link is shown this once: pass it on to them.')
    .argument('<email>', 'the e-mail of the person')
    .action(async (email: string, options: Held, command: Command) => {
      const { api, print, note } = await openSession(context, command)
      const made = await api.invitations.create({ email, ...heldOf(options) })
      print(made, ({ url, token }) => url ?? token)
      note(
        `It works once, for a week. They open the link, or run: muster invitation accept --server ${api.server} TOKEN`,
      )
    })
  examples(
    create,
    ['muster invitation create eve@example.org --role operator', 'into the organization'],
    ['muster invitation create bob@example.org --fleet-role garden=observer', 'one fleet only'],
  )
}

function addList(invitation: Command, context: Context) {
  const list = addListOptions(invitation.command('list'), invitationTable)
    .description('List the invitations that have not been accepted.')
    .action(async (options: ListOptions, command: Command) => {
      const { api, printList } = await openSession(context, command)
      await printList(api.invitations.pages(pageQuery(options)), options.all, invitationTable)
    })
  examples(list, ['muster invitation list', 'who has not come in yet?'])
}

function addResend(invitation: Command, context: Context) {
  const resend = invitation
    .command('resend')
    .description('Make a new link for another week; the one before it works no longer.')
    .argument('<invitation>', `the invitation, ${personWord}`)
    .action(async (word: string, _options, command: Command) => {
      const { api, print } = await openSession(context, command)
      const { id } = await findInvitation(api, word)
      print(await api.invitations.resend(id), ({ url, token }) => url ?? token)
    })
  examples(resend, ['muster invitation resend eve@example.org', 'the first one was lost'])
}

function addRevoke(invitation: Command, context: Context) {
  const revoke = invitation
    .command('revoke')
    .description('Revoke an invitation: its link works no longer.')
    .argument('<invitation>', `the invitation, ${personWord}`)
    .action(async (word: string, _options, command: Command) => {
      const { api, note } = await openSession(context, command)
      const { id, email } = await findInvitation(api, word)
      await api.invitations.revoke(id)
      note(`The invitation of ${email} is revoked.`)
    })
  examples(revoke, ['muster invitation revoke eve@example.org', 'its link is worth nothing now'])
}

function addAccept(invitation: Command, context: Context) {
  const accept = invitation
    .command('accept')
    .description(
      'Come into an organization with an invitation: as the one who is signed in, or, with --server, as somebody new with a password of your own.',
    )
    .argument('<token>', 'the token of the invitation, or the link that holds it')
    .option('--server <url>', 'the address of the server where you are new')
    .option('--name <name>', 'what you want to be called')
    .action(async (word: string, options: { server?: string; name?: string }, command: Command) => {
      const { token, server = options.server } = readInvitation(word)
      const { json = false } = command.optsWithGlobals<{ json?: true }>()
      const isNew = server !== undefined && !(await isSignedInAt(context, server))
      const { invitations } = isNew
        ? createClient(context, parseServer(server), undefined)
        : (await openSession(context, command)).api
      const accepted = isNew
        ? await invitations.redeem({
            token,
            password: await newPassword(context),
            name: options.name,
          })
        : await invitations.accept({ token })
      const { email, organization } = accepted
      writeLine(
        context.stdout,
        json ? JSON.stringify(accepted, null, 2) : `${email} belongs to ${organization} now.`,
      )
      if (isNew && !json)
        context.stderr.write(`Sign in: muster login --server ${server} --email ${email}\n`)
    })
  examples(
    accept,
    ['muster invitation accept "$TOKEN"', 'you are signed in, and join one more organization'],
    [
      'muster invitation accept "$TOKEN" --server https://muster.example.org',
      'you are new there; asks for a password',
    ],
  )
}

/** A link has the address of its server, and the token after #. */
function readInvitation(word: string): { token: string; server?: string } {
  const link = URL.canParse(word) ? new URL(word) : undefined
  if (!link?.hash) return { token: word }
  const path = link.pathname.replace(/\/invitation$/, '')
  return { token: link.hash.slice(1), server: `${link.origin}${path}` }
}

async function isSignedInAt(context: Context, server: string): Promise<boolean> {
  const target = await loadTarget(context.env, {}).catch(() => undefined)
  return target?.server === parseServer(server) && target.token !== undefined
}
