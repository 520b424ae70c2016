// The organization and its administrator, made at the first start. What no setting says is made up and
// shown once; a setting that is given or changed later takes effect at the next start.

import type { Clock } from '@muster/core/clock.ts'
import { createApiToken, createPassword, hashKey, prefixOf } from './keys.ts'
import { hashPassword, isPassword } from './passwords.ts'
import type { AuthStore, User } from './ports.ts'

type AdministratorDeps = { store: AuthStore; clock: Clock }

/** What the settings say about the administrator; null: not said. */
export type AdministratorSettings = {
  email: string | null
  password: string | null
  token: string | null
}

/** What was made at the first start because no setting said it; to be shown once. */
export type MadeAdministrator = { email: string; password: string | null; token: string | null }

const defaultEmail = 'admin@localhost'
const defaultOrganization = { name: 'My organization', slug: 'my-organization' }

/**
 * Makes the organization and its administrator at the first start, and returns what to show, once.
 * At any later start, settings that differ from what is stored take effect.
 */
export async function prepareAdministrator(
  deps: AdministratorDeps,
  settings: AdministratorSettings,
): Promise<MadeAdministrator | null> {
  const known = await deps.store.loadAdministrator()
  if (known) {
    await applySettings(deps, known, settings)
    return null
  }
  const email = settings.email ?? defaultEmail
  const password = settings.password ?? createPassword()
  const token = settings.token ?? createApiToken()
  const made = await deps.store.insertFirst({
    organization: defaultOrganization,
    email,
    passwordHash: await hashPassword(password),
    token: { hash: hashKey(token), prefix: prefixOf(token) },
    at: deps.clock.now(),
  })
  if (!made) return null
  return {
    email,
    password: settings.password === null ? password : null,
    token: settings.token === null ? token : null,
  }
}

async function applySettings(
  { store, clock }: AdministratorDeps,
  admin: User,
  settings: AdministratorSettings,
): Promise<void> {
  const { email, password, token } = settings
  const changes = {
    ...(email !== null && email.toLowerCase() !== admin.email ? { email } : {}),
    ...(password !== null && !(await isPassword(password, admin.passwordHash ?? ''))
      ? { passwordHash: await hashPassword(password) }
      : {}),
  }
  if (Object.keys(changes).length > 0) await store.changeUser(admin.id, changes)
  if (token === null) return
  const hash = hashKey(token)
  const held = await store.findToken(hash)
  if (held?.user.id !== admin.id || !held.token.isAutomation)
    await store.replaceAutomationToken(admin.id, { hash, prefix: prefixOf(token) }, clock.now())
}
