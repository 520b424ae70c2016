// Devices that hold links, many in one process: the agent's own keeper and line, each with a connection
// of its own. It is told by one argument of JSON, and says on each line how many of them are up. With
// `bare` it only opens as many TLS connections, which is what links are held against.

import { readFileSync } from 'node:fs'
import https from 'node:https'
import { connect } from 'node:tls'
import type { Clock } from '@muster/core/clock.ts'
import { type KeeperPorts, LinkKeeper } from '../packages/agent/src/link-keeper.ts'
import { dialLink } from '../packages/agent/src/link-line.ts'
import { credentialsOf } from './population.ts'

export type LinkTask = {
  url: string
  caFile: string
  from: number
  count: number
  /** New ones in a second; 0: all at once. */
  perSecond: number
  bare: boolean
}

const task: LinkTask = JSON.parse(process.argv[2]!)
const { url, caFile, from, count, perSecond, bare } = task
const ca = readFileSync(caFile, 'utf8')
const clock: Clock = {
  now: () => performance.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs)
    return () => clearTimeout(timer)
  },
}
// A handshake in full for each, as for devices that meet this server for the first time.
const connections = new https.Agent({ ca, maxCachedSessions: 0 })

function openBare(opened: () => void): void {
  const { hostname, port } = new URL(url)
  connect({ host: hostname, port: Number(port), ca }, opened).on('error', () => {})
}

function openLink(number: number): LinkKeeper {
  const { uuid, key: deviceKey } = credentialsOf(0, number)
  const userAgent = 'muster-agent/0.1.0'
  const target = { serverUrl: url, uuid, deviceKey, userAgent, connections, clock }
  const dial: KeeperPorts['dial'] = (listener) => dialLink(target, listener)
  const log = () => undefined
  const ports = { clock, random: Math.random, log, dial }
  const keeper = new LinkKeeper(ports, { instance: `bench-${number}` })
  keeper.allow(true)
  return keeper
}

function hold(): void {
  const startedAt = clock.now()
  const keepers: LinkKeeper[] = []
  let next = from
  let openedCount = 0
  let saidCount = -1

  function openSome(): void {
    const allowed = perSecond === 0 ? count : ((clock.now() - startedAt) * perSecond) / 1_000
    for (; next < from + Math.min(count, allowed); next++) {
      if (bare) openBare(() => openedCount++)
      else keepers.push(openLink(next))
    }
  }

  function say(): void {
    const linked = keepers.filter(({ state }) => state.phase === 'up').length
    const up = bare ? openedCount : linked
    if (up !== saidCount) console.log(JSON.stringify({ up, atMs: clock.now() - startedAt }))
    saidCount = up
  }

  setInterval(() => {
    openSome()
    say()
  }, 20)
}

hold()
