// Networks for stories: a namespace whose only way to the server can be cut like a cable, and a
// balancer in front of replicas, as the outside world sees them.

import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { findProgram } from '../tools/services.ts'

export const networkSkip = process.env.MUSTER_TEST_NETNS ? false : 'MUSTER_TEST_NETNS is not set'

/**
 * A network namespace and a cable from it to this machine. The addresses are of the range that is
 * kept for measurements of networks, so they are nobody's.
 */
export function openCable() {
  const ip = findProgram('ip')!
  const run = (...words: string[]) =>
    execFileSync(ip, words, { stdio: ['ignore', 'ignore', 'pipe'] })
  const name = `muster-e2e-${process.pid}`
  const [near, far] = [`mu${process.pid}a`, `mu${process.pid}b`]
  // Four addresses for each process id, as far as they reach.
  const address = (host: number) =>
    `198.18.${(process.pid >> 6) & 255}.${(process.pid & 63) * 4 + host}`
  run('netns', 'add', name)
  try {
    run('link', 'add', near, 'type', 'veth', 'peer', 'name', far, 'netns', name)
    run('addr', 'add', `${address(1)}/30`, 'dev', near)
    run('link', 'set', near, 'up')
    run('-n', name, 'addr', 'add', `${address(2)}/30`, 'dev', far)
    run('-n', name, 'link', 'set', far, 'up')
  } catch (error) {
    run('netns', 'delete', name)
    throw error
  }
  return {
    /** Where this machine is reached from within. */
    address: address(1),
    /** What to run a program by, to have it within. */
    through: [ip, 'netns', 'exec', name],
    cut: () => void run('link', 'set', near, 'down'),
    heal: () => void run('link', 'set', near, 'up'),
    [Symbol.dispose]() {
      run('netns', 'delete', name)
    },
  }
}

/**
 * Hands each connection to the next of `ports` that takes it; where it is not to take turns, to the
 * first that does.
 */
export async function openBalancer(ports: readonly number[], { takesTurns = true } = {}) {
  const open = new Set<Socket>()
  let turn = 0
  const server = createServer({ allowHalfOpen: true }, (outer) => {
    open.add(outer)
    outer.once('close', () => open.delete(outer))
    outer.on('error', () => outer.destroy())
    offer(outer, takesTurns ? turn++ : 0, ports.length)
  })

  function offer(outer: Socket, which: number, left: number) {
    if (left === 0) return void outer.destroy()
    const inner = connect({ port: ports[which % ports.length]!, host: '127.0.0.1' })
    const next = () => offer(outer, which + 1, left - 1)
    inner.once('error', next)
    inner.once('connect', () => {
      inner.off('error', next)
      inner.on('error', () => outer.destroy())
      inner.once('close', () => outer.destroy())
      outer.once('close', () => inner.destroy())
      outer.pipe(inner).pipe(outer)
    })
  }

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
