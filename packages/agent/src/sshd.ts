// The device's own sshd, run for one stream each: nothing listens, there is no password, and only the
// keys that came with this stream open it, so a key that was taken back opens no further one. The key
// of the host is made once and kept with the identity of the device; whatever sshd the host may run
// besides is not touched.

import { execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { promisify } from 'node:util'
import { Refusal } from '@muster/core/errors.ts'
import type { Log } from './loop.ts'

const run = promisify(execFile)

export type SshdOptions = {
  stateDir: string
  /** Who may log in. */
  users: readonly string[]
  log: Log
  /** Where programs are looked for. */
  paths?: readonly string[]
}

export type SshSession = {
  readable: Readable
  writable: Writable
  /** Ends it as a lost connection does. */
  cut(): void
  hostKey: string
}

const programPaths = ['/usr/sbin', '/usr/local/sbin', '/usr/bin', '/usr/local/bin', '/sbin', '/bin']
/** Its PAM asks for the address of UNKNOWN, which is where the caller is; without DNS it would wait for 30 s. */
const resolverOptions = { RES_OPTIONS: 'timeout:1 attempts:1' }
/** What a line of authorized keys may be here: a key, without options. */
const keyPattern = /^(?:ssh-|ecdsa-sha2-|sk-)[A-Za-z0-9@.-]+ [A-Za-z0-9+/=]+$/

export class Sshd {
  readonly #options: SshdOptions
  readonly #folder: string
  #hostKey: Promise<string> | null = null

  constructor(options: SshdOptions) {
    this.#options = options
    this.#folder = join(options.stateDir, 'ssh')
  }

  /** Refuses with `ssh-server-missing`. */
  async open(keys: readonly string[]): Promise<SshSession> {
    const program = this.#find('sshd')
    this.#hostKey ??= this.#makeHostKey()
    const hostKey = await this.#hostKey.catch((error) => {
      this.#hostKey = null
      throw error
    })
    const keysFile = join(this.#folder, `keys-${randomBytes(6).toString('hex')}`)
    const valid = keys.filter((key) => keyPattern.test(key))
    writeFileSync(keysFile, valid.map((key) => `${key}\n`).join(''), { mode: 0o600 })
    return { hostKey, ...this.#start(program, keysFile) }
  }

  #start(program: string, keysFile: string): Omit<SshSession, 'hostKey'> {
    const { log } = this.#options
    const words = ['-i', '-e', '-f', '/dev/null', ...this.#settings(keysFile)]
    const env = { PATH: programPaths.join(':'), ...resolverOptions }
    const child = spawn(program, words, { stdio: ['pipe', 'pipe', 'pipe'], cwd: '/', env })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      for (const line of text.split(/\r?\n/).filter(Boolean)) log('info', `sshd: ${line}`)
    })
    child.once('error', (error) => log('warn', `sshd: ${error.message}`))
    child.once('close', () => rmSync(keysFile, { force: true }))
    return { readable: child.stdout, writable: child.stdin, cut: () => void child.kill('SIGTERM') }
  }

  #settings(keysFile: string): string[] {
    const isRoot = process.getuid?.() === 0
    // The file is for root alone; for another user sshd has root read it aloud.
    const keys = isRoot
      ? [
          'AuthorizedKeysFile none',
          `AuthorizedKeysCommand ${this.#find('cat')} "${keysFile}"`,
          'AuthorizedKeysCommandUser root',
        ]
      : [`AuthorizedKeysFile "${keysFile}"`]
    const settings = [
      `HostKey "${join(this.#folder, 'host_key')}"`,
      ...keys,
      `AllowUsers ${this.#options.users.join(' ')}`,
      'AuthenticationMethods publickey',
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      'PermitRootLogin prohibit-password',
      `UsePAM ${isRoot && existsSync('/etc/pam.d/sshd') ? 'yes' : 'no'}`,
      'PidFile none',
      'UseDNS no',
      'LoginGraceTime 60',
      'PrintMotd no',
      'AcceptEnv LANG LC_*',
      'Subsystem sftp internal-sftp',
    ]
    return settings.flatMap((setting) => ['-o', setting])
  }

  async #makeHostKey(): Promise<string> {
    const file = join(this.#folder, 'host_key')
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
    // Where its package has not been started, sshd misses the folder in which it locks itself up.
    if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 })
    if (!existsSync(file) || !existsSync(`${file}.pub`)) {
      rmSync(file, { force: true })
      await run(this.#find('ssh-keygen'), ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', file])
    }
    const [type, key] = readFileSync(`${file}.pub`, 'utf8').trim().split(' ')
    return `${type} ${key}`
  }

  #find(name: string): string {
    const { paths = programPaths } = this.#options
    const found = paths.map((path) => join(path, name)).find(isProgram)
    if (found === undefined)
      throw new Refusal(
        'ssh-server-missing',
        `no ${name} in ${dirname(join(paths[0] ?? '/', name))} or where else programs are`,
      )
    return found
  }
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
