// A device for tests of terminals: Debian's own sshd for each stream, started as an agent does it, with
// a host key of its own; and a screen that remembers what it was shown.

import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Duplex } from 'node:stream'
import type { Refusal } from '@muster/core/errors.ts'
import type { TerminalEnd, TerminalNews } from '@muster/core/terminal-protocol.ts'
import type { Screen, SshWay, SshWays } from './ports.ts'

const sshd = '/usr/sbin/sshd'

/** Why tests that need it cannot run here, or false. */
export const withoutSshd =
  existsSync(sshd) && process.getuid?.() === 0 ? false : 'apt-get install openssh-server, as root'

export function openDevice() {
  const folder = mkdtempSync(join(tmpdir(), 'muster-sshd-'))
  mkdirSync('/run/sshd', { recursive: true })
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, 'host')])
  const hostKey = readFileSync(join(folder, 'host.pub'), 'utf8').trim()
  const streams = new Set<Duplex>()
  let count = 0

  function openSshd(publicKey: string): Duplex {
    const keys = join(folder, `keys-${count++}`)
    writeFileSync(keys, `${publicKey}\n`)
    const settings = [
      `HostKey ${join(folder, 'host')}`,
      'AuthorizedKeysFile none',
      `AuthorizedKeysCommand /bin/cat ${keys}`,
      'AuthorizedKeysCommandUser root',
      'PermitRootLogin prohibit-password',
      'PrintMotd no',
      'PrintLastLog no',
    ]
    const words = ['-i', '-e', '-f', '/dev/null', ...settings.flatMap((one) => ['-o', one])]
    const { stdin, stdout } = spawn(sshd, words, { stdio: ['pipe', 'pipe', 'ignore'], cwd: '/' })
    stdin.on('error', () => undefined)
    const duplex = Duplex.from({
      readable: stdout,
      writable: stdin,
    } as unknown as NodeJS.ReadableStream)
    duplex.on('error', () => undefined)
    streams.add(duplex)
    duplex.once('close', () => streams.delete(duplex))
    return duplex
  }

  const ways: SshWays = {
    openSsh: async (_device, publicKey): Promise<SshWay> => ({
      duplex: openSshd(publicKey),
      hostKey,
    }),
  }
  return {
    ways,
    hostKey,
    openSshd,
    /** As a link that breaks. */
    cut() {
      for (const stream of streams) stream.destroy()
    },
    [Symbol.dispose]() {
      for (const stream of streams) stream.destroy()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

export type MemoryScreen = ReturnType<typeof createScreen>

export function createScreen({ isFull = (): boolean => false } = {}) {
  const decoder = new TextDecoder()
  const news: TerminalNews[] = []
  let [text, bytes] = ['', 0]
  const waiting = new Set<() => void>()
  const look = () => {
    for (const one of [...waiting]) one()
  }
  const closed = Promise.withResolvers<TerminalEnd | Refusal>()
  const screen: Screen = {
    show(shown) {
      bytes += shown.length
      if (text.length < 1_000_000) text += decoder.decode(shown, { stream: true })
      look()
      return !isFull()
    },
    tell(one) {
      news.push(one)
      look()
    },
    pause: () => undefined,
    resume: () => undefined,
    close: closed.resolve,
    refuse: closed.resolve,
  }
  return {
    screen,
    news,
    closed: closed.promise,
    get text() {
      return text
    },
    get bytes() {
      return bytes
    },
    /** Resolves as soon as it is so. */
    async until(isSo: () => boolean): Promise<void> {
      if (isSo()) return
      const ended = closed.promise.then((reason) => {
        if (!isSo()) throw new Error(`it ended before that: ${reason}`)
      })
      const so = new Promise<void>((resolve) => {
        const one = () => {
          if (!isSo()) return
          waiting.delete(one)
          resolve()
        }
        waiting.add(one)
      })
      await Promise.race([so, ended])
    },
  }
}
