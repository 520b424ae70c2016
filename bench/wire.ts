// What a heartbeat costs on the wire, all of it: a device in a network namespace of its own, behind one
// cable whose counters of the kernel see every packet, handshakes and acknowledgements too. Link headers
// are taken off, because a mobile operator bills IP. Two connections are measured, over plain HTTP and
// over TLS: one that is kept, as the server keeps it while there is room, and a new one for each heartbeat
// with its TLS session resumed, as behind a NAT that forgets. A month is 30 days at 4 an hour.

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { openCable } from '../e2e/network.ts'
import { wait } from './http.ts'
import { credentialsOf, heardAt, populate } from './population.ts'
import { type Bench, type Measured, written } from './promise.ts'
import { openFolder, rootDir, startServer } from './server-process.ts'
import type { WireTask } from './wire-device.ts'

const heartbeatsAMonth = 30 * 24 * 4
const ethernetHeaderBytes = 14
const policy = { cloudlinkEnabled: false, heartbeatIntervalMs: 15 * 60_000 }

type Cost = { bytes: number; packets: number; resumedCount: number }

export const wire: Bench = async ({ quick, say }) => {
  const heartbeatCount = quick ? 3 : 20
  await using folder = await openFolder()
  const now = Date.now()
  const fleet = { slug: 'garden', deviceCount: 4, policy, sightings: () => [heardAt(now)] }
  await populate(folder.path, [fleet], { untilAt: now })
  using cable = openCable()
  const { address, through } = cable
  const { certPath, keyPath } = makeCertificate(folder.path, address)
  const near = nearEndOf(address)
  const results: Measured[] = []
  for (const tls of [true, false]) {
    const secured = { MUSTER_TLS_CERT: certPath, MUSTER_TLS_KEY: keyPath }
    await using server = await startServer(folder.path, {
      env: { MUSTER_HOST: address, ...(tls ? secured : {}) },
    })
    for (const keep of [true, false]) {
      const cost = await measure({
        near,
        through,
        task: {
          url: server.url,
          device: credentialsOf(0, Number(tls) * 2 + Number(keep), policy),
          heartbeatCount,
          keep,
          ...(tls ? { caFile: certPath } : {}),
        },
      })
      if (tls && !keep && cost.resumedCount < heartbeatCount)
        throw new Error(`only ${cost.resumedCount} of ${heartbeatCount} sessions were resumed`)
      const how = `${tls ? 'TLS' : 'plain HTTP'}, ${keep ? 'connection kept' : `new connection each${tls ? ', session resumed' : ''}`}`
      const each = cost.bytes / heartbeatCount
      say(`${how}: ${written(each)} B in ${written(cost.packets / heartbeatCount)} packets`)
      results.push({
        promise: `bytes a month, heartbeat 4 an hour: ${how}`,
        unit: 'MB',
        better: 'less',
        must: 6,
        aim: 3,
        figure: (each * heartbeatsAMonth) / 1e6,
        detail: `${written(each)} B of IP a heartbeat in ${written(cost.packets / heartbeatCount)} packets, both ways, mean of ${heartbeatCount}`,
      })
    }
    await server.stop()
  }
  return results
}

async function measure(of: { near: string; through: string[]; task: WireTask }): Promise<Cost> {
  const { near, through, task } = of
  const command = [...through, process.execPath, 'bench/wire-device.ts', JSON.stringify(task)]
  const child = spawn(command[0]!, command.slice(1), {
    cwd: rootDir,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const said = async () => {
    const { value, done } = await lines.next()
    if (done) throw new Error('the device ended')
    return value
  }
  try {
    await said()
    await wait(500)
    const before = countersOf(near)
    child.stdin.write('go\n')
    const { resumedCount } = JSON.parse(await said())
    const after = countersOf(near)
    const packets = after.packets - before.packets
    return {
      bytes: after.bytes - before.bytes - packets * ethernetHeaderBytes,
      packets,
      resumedCount,
    }
  } finally {
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }
}

/** The device of this machine that has the address. */
function nearEndOf(address: string): string {
  const links = execFileSync('ip', ['-o', '-4', 'addr'], { encoding: 'utf8' })
  const near = links
    .split('\n')
    .find((line) => line.includes(` ${address}/`))!
    .split(/\s+/)[1]!
  // No neighbour discovery of IPv6 in between.
  execFileSync('sysctl', ['-qw', `net.ipv6.conf.${near}.disable_ipv6=1`])
  return near
}

function countersOf(link: string) {
  const read = (name: string) =>
    Number(readFileSync(`/sys/class/net/${link}/statistics/${name}`, 'utf8'))
  return {
    bytes: read('rx_bytes') + read('tx_bytes'),
    packets: read('rx_packets') + read('tx_packets'),
  }
}

function makeCertificate(folder: string, address: string) {
  const [certPath, keyPath] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const name = ['-subj', '/CN=bench', '-addext', `subjectAltName=IP:${address}`, '-days', '2']
  const files = ['-out', certPath, '-keyout', keyPath]
  execFileSync('openssl', ['req', ...kind, ...name, ...files], { stdio: 'ignore' })
  return { certPath, keyPath }
}
