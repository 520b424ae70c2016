// A member, an invitation or a token by what a person calls it: its number as listed, or its e-mail
// or name. A number comes first; a name that several have is no answer.

import type { PageOf } from '@muster/core/api.ts'
import type { ApiClient } from '@muster/core/api-client.ts'
import { type ErrorCode, Refusal } from '@muster/core/errors.ts'
import type { InvitationView, MemberView } from '@muster/core/organization-api.ts'
import type { TokenView } from '@muster/core/people-api.ts'

export const personWord = 'by e-mail, or by number as listed'

export const findMember = ({ members }: ApiClient, word: string): Promise<MemberView> =>
  findAmong(members.pages({ limit: 500 }), word, ({ email }) => email, 'member-not-found')

export const findInvitation = ({ invitations }: ApiClient, word: string): Promise<InvitationView> =>
  findAmong(invitations.pages({ limit: 500 }), word, ({ email }) => email, 'invitation-not-found')

export async function findToken({ tokens }: ApiClient, word: string): Promise<TokenView> {
  const { items } = await tokens.list()
  return findAmong([{ items }], word, ({ name }) => name, 'token-not-found')
}

async function findAmong<V extends { id: number }>(
  pages: AsyncIterable<Pick<PageOf<V>, 'items'>> | Iterable<Pick<PageOf<V>, 'items'>>,
  word: string,
  nameOf: (item: V) => string,
  notFound: ErrorCode,
): Promise<V> {
  const named: V[] = []
  for await (const { items } of pages)
    for (const item of items) {
      if (String(item.id) === word) return item
      if (nameOf(item).toLowerCase() === word.toLowerCase()) named.push(item)
    }
  const [one, ...others] = named
  if (!one) throw new Refusal(notFound, `there is none with the number or name "${word}"`)
  if (others.length === 0) return one
  const ids = named.map(({ id }) => id).join(', ')
  throw new Refusal('wrong-usage', `"${word}" is the name of ${ids}; use a number`)
}
