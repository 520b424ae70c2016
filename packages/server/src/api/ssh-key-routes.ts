// The SSH keys of whoever asks: public keys, with which they log in to devices.

import { Nothing } from '@muster/core/api.ts'
import { SshKeyCreate, SshKeyList, SshKeyView } from '@muster/core/ssh-keys-api.ts'
import { Type as T } from 'typebox'
import { type Api, type ApiDeps, principalOf } from './door.ts'

const tags = ['ssh keys']
const config = { right: 'ssh-keys-own' } as const

export function registerSshKeys(api: Api, { sshKeys }: Pick<ApiDeps, 'sshKeys'>): void {
  api.get(
    '/ssh-keys',
    {
      config,
      schema: { tags, summary: 'Your SSH keys', response: { 200: SshKeyList } },
    },
    async (request) => ({ items: await sshKeys.list(principalOf(request).userId) }),
  )
  api.post(
    '/ssh-keys',
    {
      config,
      schema: {
        tags,
        summary: 'Add a public key with which you log in to devices',
        body: SshKeyCreate,
        response: { 201: SshKeyView },
        refuses: ['ssh-key-taken', 'too-many-ssh-keys'],
      },
    },
    async (request, reply) => {
      const { name, key } = request.body
      return reply.code(201).send(await sshKeys.add(principalOf(request).userId, name, key))
    },
  )
  api.delete(
    '/ssh-keys/:id',
    {
      config,
      schema: {
        tags,
        summary: 'Remove one of your SSH keys: it opens nothing from now on',
        params: T.Object({ id: T.Integer() }),
        response: { 204: Nothing },
        refuses: ['ssh-key-not-found'],
      },
    },
    async (request, reply) => {
      await sshKeys.remove(principalOf(request).userId, request.params.id)
      return reply.code(204).send()
    },
  )
}
