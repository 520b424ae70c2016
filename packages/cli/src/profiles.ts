// Where the command line is signed in: one file with a profile per server, readable by its owner
// alone and replaced in one step, so that a crash leaves the old file or the new one. The choice of
// server and token is a pure function of that file, `--profile` and the environment.

import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { Refusal } from '@muster/core/errors.ts'

export type Profile = {
  server: string
  token: string
  email: string
  /** The slug of the organization to work in; absent: the one that the server takes. */
  organization?: string
  /** Of a sign-in with a password; a token given by hand has none, and signing out keeps it valid. */
  expiresAt?: number
}

export type ProfileFile = { current: string; profiles: Record<string, Profile> }

type Environment = Record<string, string | undefined>

export const defaultProfile = 'default'
export const noProfiles: ProfileFile = { current: defaultProfile, profiles: {} }

export function profilePath(env: Environment): string {
  const folder = env.XDG_CONFIG_HOME || join(env.HOME || homedir(), '.config')
  return join(folder, 'muster', 'config.json')
}

export async function readProfiles(path: string): Promise<ProfileFile> {
  let text: string
  try {
    // A program on Windows sees no such bits; there the folder of the user is closed to others.
    const open = process.platform === 'win32' ? 0 : (await stat(path)).mode & 0o077
    if (open !== 0)
      throw new Refusal(
        'invalid-configuration',
        `${path} holds tokens and is open to other users; close it: chmod 600 ${path}`,
      )
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof Refusal) throw error
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return structuredClone(noProfiles)
    throw new Refusal('invalid-configuration', `${path} cannot be read (${code})`)
  }
  try {
    const file = JSON.parse(text) as ProfileFile
    if (typeof file.current === 'string' && typeof file.profiles === 'object') return file
  } catch {}
  throw new Refusal('invalid-configuration', `${path} is not a file that muster wrote; remove it`)
}

export async function writeProfiles(path: string, file: ProfileFile): Promise<void> {
  const written = `${path}.${process.pid}`
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    await writeFile(written, `${JSON.stringify(file, null, 2)}\n`, { mode: 0o600, flag: 'wx' })
    await rename(written, path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new Refusal('invalid-configuration', `${path} cannot be written (${code})`)
  }
}

export type Target = {
  server: string
  token: string | undefined
  organization: string | undefined
  profile: string | undefined
}

/**
 * Which server to ask, and as whom. A token goes only to the server that it was given for: the
 * token of a profile is left out where MUSTER_SERVER names another server.
 */
export function chooseTarget(
  file: ProfileFile,
  named: string | undefined,
  env: Environment,
  organization?: string,
): Target {
  const name = named ?? file.current
  const profile = Object.hasOwn(file.profiles, name) ? file.profiles[name] : undefined
  const server = env.MUSTER_SERVER ? parseServer(env.MUSTER_SERVER) : profile?.server
  if (named !== undefined && !profile) {
    const known = Object.keys(file.profiles).join(', ') || 'none'
    throw new Refusal('wrong-usage', `there is no profile "${named}"; there are: ${known}`)
  }
  if (!server)
    throw new Refusal('unauthenticated', 'not signed in; run `muster login --server URL` first')
  const own = profile?.server === server ? profile : undefined
  return {
    server,
    token: env.MUSTER_TOKEN || own?.token,
    organization: organization || env.MUSTER_ORGANIZATION || own?.organization,
    profile: own && !env.MUSTER_TOKEN ? name : undefined,
  }
}

/** The address without what does not belong there, or a refusal that says what does. */
export function parseServer(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || !/^https?:$/.test(url.protocol))
    throw new Refusal(
      'wrong-usage',
      `"${text}" is not an address such as https://muster.example.org`,
    )
  if (url.username || url.search || url.hash)
    throw new Refusal('wrong-usage', `"${text}" must be an address alone, without user, ? or #`)
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '')
}

export function isPlainRemote(server: string): boolean {
  const { protocol, hostname } = new URL(server)
  return protocol === 'http:' && !/^(localhost|127\.[\d.]+|\[::1\])$/.test(hostname)
}
