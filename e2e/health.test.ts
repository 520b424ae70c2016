// What stands between a device and its server is told by the device itself: a proxy that begins to
// inspect TLS, and one that strips the upgrade. Both leave the connection of heartbeats alone, as such
// proxies do with connections that stand, so the device is in contact and its link is down.

import assert from 'node:assert/strict'
import { mkdirSync, readFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { type AddressInfo, connect, type Server } from 'node:net'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { test } from 'node:test'
import { createServer as createTlsServer } from 'node:tls'
import { openStage, quick, type Stage, until } from './fixtures.ts'
import { type Authority, makeAuthority } from './ways.ts'

const policy = {
  ...quick,
  cloudlinkEnabled: true,
  cloudlinkKeepaliveMs: 5_000,
  cloudlinkGraceMs: 1_000,
}

type Door = AsyncDisposable & { port: number }

async function listen(server: Server, sockets: Set<Duplex>): Promise<Door> {
  server.on('connection', (socket) => sockets.add(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function flow(one: Duplex, other: Duplex): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.on('error', () => to.destroy())
    from.on('close', () => to.destroy())
    from.pipe(to)
  }
}

const certificateOf = ({ file }: Authority) => ({
  cert: readFileSync(file('server.pem')),
  key: readFileSync(file('server.key')),
})

/** Ends TLS before the server. */
const openTls = (authority: Authority, to: number) =>
  listen(
    createTlsServer(certificateOf(authority), (socket) => flow(socket, connect(to, '127.0.0.1'))),
    new Set(),
  )

/** Ends TLS, and passes requests on without their upgrade. */
const openStripper = (authority: Authority, to: number) =>
  listen(
    createHttpsServer(certificateOf(authority), (asked, answer) => {
      const { upgrade: _, connection: __, ...headers } = asked.headers
      const { method, url: path } = asked
      const passed = request({ host: '127.0.0.1', port: to, method, path, headers })
      passed.on('response', (response) => {
        answer.writeHead(response.statusCode!, response.headers)
        response.pipe(answer)
      })
      passed.on('error', () => answer.destroy())
      asked.pipe(passed)
    }),
    new Set(),
  )

/** A proxy that leads every tunnel to one door, until it is told of another. */
async function openProxy(to: number) {
  let door = to
  const tunnels: Duplex[] = []
  const server = createServer().on('connect', (_request, socket) => {
    tunnels.push(socket)
    const there = connect(door, '127.0.0.1')
    there.once('connect', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      flow(socket, there)
    })
    there.on('error', () => socket.destroy())
  })
  const listening = await listen(server, new Set())
  return {
    ...listening,
    url: `http://127.0.0.1:${listening.port}`,
    /** From now on tunnels lead there, and all but that of the heartbeats are cut. */
    leadTo(other: number) {
      door = other
      for (const socket of tunnels.slice(1)) socket.destroy()
    },
  }
}

type Told = { status: string; failedStep: unknown; deviceSays: unknown }

function claimOf(stage: Stage, uuid: string): Promise<Told> {
  const read = async (): Promise<Told | null> => {
    const { status } = await stage.api.devices.read(uuid)
    const { failedStep = null, deviceSays = null } =
      status.reasons.find(({ code }) => code === 'cloudlink-down')?.evidence ?? {}
    return deviceSays === null ? null : { status: status.status, failedStep, deviceSays }
  }
  return until('why its link is down', read, 35_000)
}

test('a device tells the step at which its link fails, and who is in the way', async () => {
  await using stage = await openStage({ policy })
  const own = makeAuthority(stage.folder)
  const corp = join(stage.folder, 'corp')
  mkdirSync(corp)
  const inspector = makeAuthority(corp, 'Corp Inspection CA')
  const { port } = stage.server
  await using front = await openTls(own, port)
  await using inspecting = await openTls(inspector, port)
  await using stripping = await openStripper(own, port)
  const server = `https://127.0.0.1:${front.port}`
  await using inspected = await openProxy(front.port)
  await using stripped = await openProxy(front.port)
  const through = (proxy: { url: string }) => ({
    server,
    env: { MUSTER_AGENT_CA: own.caFile, https_proxy: proxy.url },
  })
  const pump = await stage.runAgent('pump', through(inspected))
  const gate = await stage.runAgent('gate', through(stripped))
  inspected.leadTo(inspecting.port)
  stripped.leadTo(stripping.port)
  const [atTls, atUpgrade] = await Promise.all([
    claimOf(stage, pump.uuid),
    claimOf(stage, gate.uuid),
  ])
  assert.deepEqual([atTls.status, atTls.failedStep], ['reduced-functionality', 'tls'])
  assert.match(
    String(atTls.deviceSays),
    /^cloudlink failed at TLS: certificate issued by Corp Inspection CA: /,
  )
  assert.deepEqual([atUpgrade.status, atUpgrade.failedStep], ['reduced-functionality', 'upgrade'])
  assert.match(
    String(atUpgrade.deviceSays),
    /^cloudlink failed at the upgrade: .*; certificate issued by Private CA$/,
  )
  const shown = await stage.muster('device', 'health', 'pump', '--run', '--json')
  assert.equal(shown.code, 0, shown.err)
  const { examination } = JSON.parse(shown.out)
  assert.equal(examination.cause, 'asked')
  const results = Object.fromEntries(
    examination.findings.map(({ check, result, step }: Record<string, string>) => [
      check,
      [result, step],
    ]),
  )
  assert.deepEqual(results.api, ['warning', 'tls'], 'heartbeats pass over a connection that stands')
  assert.deepEqual(results.cloudlink, ['failed', 'tls'])
})
