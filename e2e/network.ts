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
 * A network namespace behind a router that translates addresses, at the end of `cable`: it reaches
 * out, and whatever does not answer it is dropped, at the router and once more at its own door.
 */
export function openNat(cable: ReturnType<typeof openCable>) {
  const ip = findProgram('ip')!
  const [inner, outside] = [`muster-e2e-nat-${process.pid}`, `mu${process.pid}b`]
  const [program, ...inRouter] = cable.through
  const run = (words: string) =>
    execFileSync(ip, words.split(' '), { stdio: ['ignore', 'ignore', 'pipe'] })
  const router = (words: string) => execFileSync(program!, [...inRouter, ...words.split(' ')])
  const within = (words: string) => run(`netns exec ${inner} ${words}`)
  const answers = '-m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT'
  run(`netns add ${inner}`)
  try {
    router(`ip link add lan type veth peer name wan netns ${inner}`)
    router('ip addr add 192.168.77.1/24 dev lan')
    router('ip link set lan up')
    run(`-n ${inner} addr add 192.168.77.2/24 dev wan`)
    for (const up of ['lo', 'wan']) run(`-n ${inner} link set ${up} up`)
    run(`-n ${inner} route add default via 192.168.77.1`)
    execFileSync(program!, [...inRouter, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward'])
    router(`iptables -t nat -A POSTROUTING -o ${outside} -j MASQUERADE`)
    router(`iptables -A FORWARD -i ${outside} ${answers}`)
    router(`iptables -A FORWARD -i ${outside} -j DROP`)
    within('iptables -P INPUT DROP')
    within('iptables -A INPUT -i lo -j ACCEPT')
    within(`iptables -A INPUT ${answers}`)
  } catch (error) {
    run(`netns delete ${inner}`)
    throw error
  }
  return {
    through: [ip, 'netns', 'exec', inner],
    [Symbol.dispose]: () => void run(`netns delete ${inner}`),
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
