// A Docker Engine of our own for stories: its data, its socket and its one small image are in a folder
// that goes away with it. It needs no network and touches no firewall.

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findProgram } from '../tools/services.ts'
import { until } from './fixtures.ts'

const dockerd = findProgram('dockerd')
const busybox = findProgram('busybox')
/** The client that comes with the daemon; another may speak with another. */
const client = existsSync('/usr/bin/docker') ? '/usr/bin/docker' : findProgram('docker')
const missing = !dockerd || !busybox || !client || process.getuid?.() !== 0

export const dockerSkip = missing
  ? 'dockerd, docker and busybox are not installed, or this is not root'
  : false

export async function openDocker() {
  await using owned = new AsyncDisposableStack()
  const folder = mkdtempSync(join(tmpdir(), 'muster-docker-'))
  owned.defer(() => rmSync(folder, { recursive: true, force: true }))
  const socket = join(folder, 'docker.sock')
  const daemon = spawn(
    dockerd!,
    [
      ...['--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec')],
      ...['--pidfile', join(folder, 'pid'), '--host', `unix://${socket}`],
      ...['--storage-driver', 'vfs', '--bridge', 'none', '--iptables=false'],
    ],
    { stdio: 'ignore' },
  )
  const ended = once(daemon, 'exit')
  owned.defer(async () => {
    daemon.kill('SIGTERM')
    await ended
  })
  const docker = (...words: string[]) =>
    execFileSync(client!, ['--host', `unix://${socket}`, ...words], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
  owned.defer(() => {
    const ids = docker('ps', '-aq').split('\n').filter(Boolean)
    if (ids.length > 0) docker('rm', '-f', '-v', ...ids)
  })
  await until('Docker answers', () => (isUp(docker) ? true : null), 60_000)
  importImage(folder, docker)
  const stack = owned.move()
  return {
    socket,
    docker,
    /** A container that does nothing until it is stopped. */
    run(name: string, ...more: string[]): string {
      const words = ['run', '-d', '--init', '--network', 'none', '--name', name, ...more]
      return docker(...words, 'idle', '/bin/busybox', 'sleep', '100000')
    },
    startedAt: (name: string) => docker('inspect', '-f', '{{.State.StartedAt}}', name),
    state: (name: string) => docker('inspect', '-f', '{{.State.Status}}', name),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

function isUp(docker: (...words: string[]) => string): boolean {
  try {
    return docker('version', '--format', '{{.Server.Version}}') !== ''
  } catch {
    return false
  }
}

function importImage(folder: string, docker: (...words: string[]) => string): void {
  const root = join(folder, 'root')
  mkdirSync(join(root, 'bin'), { recursive: true })
  copyFileSync(busybox!, join(root, 'bin', 'busybox'))
  execFileSync('tar', ['-C', root, '-cf', join(folder, 'idle.tar'), '.'])
  docker('import', join(folder, 'idle.tar'), 'idle')
}
