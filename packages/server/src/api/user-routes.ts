// Users of the whole server, for those who run it: who somebody is, and whether they may come in.

import { UserChange, UserView } from '@muster/core/people-api.ts'
import { Type as T } from 'typebox'
import { type Api, type ApiDeps, identityOf } from './door.ts'

type User = Awaited<ReturnType<ApiDeps['auth']['users']['load']>>

const tags = ['users']
const config = { right: 'users-write' } as const
const params = T.Object({
  email: T.String({ maxLength: 254, description: 'The e-mail of the user.' }),
})

export function registerUsers(api: Api, { auth }: Pick<ApiDeps, 'auth'>): void {
  api.get(
    '/users/:email',
    {
      config,
      schema: {
        tags,
        summary: 'A user of the server',
        params,
        response: { 200: UserView },
        refuses: ['user-not-found'],
      },
    },
    async (request) => viewOf(await auth.users.load(request.params.email)),
  )
  api.patch(
    '/users/:email',
    {
      config,
      schema: {
        tags,
        summary: 'Shut a user out, or let them in again',
        params,
        body: UserChange,
        response: { 200: UserView },
        refuses: ['user-not-found'],
      },
    },
    async (request) => {
      const { params, body } = request
      return viewOf(await auth.users.change(identityOf(request), params.email, body.disabled))
    },
  )
}

function viewOf({ email, name, isServerAdministrator, disabledAt }: User): UserView {
  return { email, name, serverAdministrator: isServerAdministrator, disabledAt }
}
