// `muster ssh-key`: the public keys with which one logs in to devices.

import { readFile } from 'node:fs/promises'
import { Refusal } from '@muster/core/errors.ts'
import type { Command } from 'commander'
import { parseCount } from '../arguments.ts'
import { type Context, openSession } from '../context.ts'
import { examples } from '../help.ts'
import { parsedBy } from '../options.ts'
import { sshKeyTable } from '../view/ssh-keys.ts'

export function addSshKeyCommands(program: Command, context: Context) {
  const key = program
    .command('ssh-key')
    .summary('public keys with which you log in to devices')
    .description(
      'Your public SSH keys. Each opens the devices on whose fleets you may open streams, and no other; one that is removed opens nothing from then on.',
    )
  addAdd(key, context)
  addList(key, context)
  addRemove(key, context)
}

function addAdd(key: Command, context: Context) {
  const add = key
    .command('add')
    .description('Register a public key.')
    .argument('<file>', 'the file that ends in .pub')
    .option('--name <name>', 'what to call it (default: the comment in the file)')
    .action(async (file: string, options: { name?: string }, command: Command) => {
      const { api, print } = await openSession(context, command)
      const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
        throw new Refusal('wrong-usage', `${file} cannot be read (${error.code})`)
      })
      const comment = text.trim().split(/\s+/).slice(2).join(' ')
      const name = (options.name ?? comment.slice(0, 100)) || 'key'
      const made = await api.sshKeys.add({ name, key: text.trim() })
      print(made, ({ id, fingerprint }) => `Key ${id} is registered: ${fingerprint}`)
    })
  examples(add, ['muster ssh-key add ~/.ssh/id_ed25519.pub', 'then `muster ssh` works'])
}

function addList(key: Command, context: Context) {
  const list = key
    .command('list')
    .description('List your public keys.')
    .action(async (_options, command: Command) => {
      const { api, print } = await openSession(context, command)
      print(await api.sshKeys.list(), ({ items }, look) => sshKeyTable(items, look))
    })
  examples(list, ['muster ssh-key list', 'which keys open devices?'])
}

function addRemove(key: Command, context: Context) {
  const remove = key
    .command('remove')
    .description('Remove a public key: it opens nothing from now on.')
    .argument('<id>', 'its number, as `muster ssh-key list` shows it', parsedBy(parseCount))
    .option('--yes', 'do not ask')
    .action(async (id: number, options: { yes?: true }, command: Command) => {
      const { api, confirm, note } = await openSession(context, command)
      await confirm(`Remove SSH key ${id}?`, options.yes)
      await api.sshKeys.remove(id)
      note(`SSH key ${id} is removed.`)
    })
  examples(remove, ['muster ssh-key remove 2 --yes', 'without being asked'])
}
