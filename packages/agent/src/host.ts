// What the host is like, in the words of the report. Everything is read from files that every Linux
// has, under a root that tests can choose; what cannot be read is null and stops nothing. Parsers are
// pure. No program is started, since that would cost more than all of the readings together.

import { readdirSync, readFileSync, statfsSync } from 'node:fs'
import { machine, networkInterfaces, release } from 'node:os'
import { join } from 'node:path'
import type { Report } from '@muster/core/device-protocol.ts'

/** Busy and total time of all processors since boot, in ticks. */
export type CpuTime = { busy: number; total: number }

export type Host = {
  /** What holds for the whole boot. */
  readonly boot: Report
  /** What may have changed since the last reading. */
  read(): Report
}

/** `diskPath` is on the file system whose space is reported. */
export function createHost(options: { version: string; diskPath: string; root?: string }): Host {
  const root = options.root ?? '/'
  const text = (path: string) => textOf(join(root, path))
  const boot = readBoot(text, options.version)
  let cpu: CpuTime | null = null
  return {
    boot,
    read() {
      const cpuBefore = cpu
      cpu = parseCpuTime(text('proc/stat'))
      return {
        ...readNetwork(),
        ...parseMemory(text('proc/meminfo')),
        ...readDisk(options.diskPath, text('proc/self/mountinfo')),
        hostname: text('proc/sys/kernel/hostname').trim() || null,
        cpu_usage: cpuUsage(cpuBefore, cpu),
        cpu_temp: hottest(root),
        is_undervolted: isUndervolted(root),
        uptime_ms: parseUptimeMs(text('proc/uptime')),
      }
    },
  }
}

/** Changes with every boot; null where the kernel does not say. */
export function readBootId(root = '/'): string | null {
  return textOf(join(root, 'proc/sys/kernel/random/boot_id')).trim() || null
}

function readBoot(text: (path: string) => string, version: string): Report {
  const os = parseOsRelease(text('etc/os-release') || text('usr/lib/os-release'))
  return {
    os_version: os.PRETTY_NAME || os.NAME || null,
    os_variant: os.VARIANT_ID || null,
    agent_version: version,
    kernel: release(),
    architecture: machine(),
    model: parseModel(text),
    cpu_id: serialOf(text),
    boot_id: text('proc/sys/kernel/random/boot_id').trim() || null,
  }
}

/** `KEY=value` lines, where the value may be quoted as in a shell. */
export function parseOsRelease(text: string): Record<string, string | undefined> {
  const found: Record<string, string | undefined> = {}
  for (const line of text.split('\n')) {
    const match = /^([A-Z0-9_]+)=(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|(.*))$/.exec(line.trim())
    if (!match) continue
    const [, key, double, single, bare] = match
    found[key!] = double?.replace(/\\(.)/g, '$1') ?? single ?? bare ?? ''
  }
  return found
}

/** From the device tree on boards, from DMI on PCs, unless the maker left a placeholder. */
function parseModel(text: (path: string) => string): string | null {
  const tree = printable(text('proc/device-tree/model'))
  if (tree) return tree
  const vendor = printable(text('sys/class/dmi/id/sys_vendor'))
  const product = printable(text('sys/class/dmi/id/product_name'))
  const named = product && !/^(to be filled|default string|system product)/i.test(product)
  if (!named) return null
  return vendor && !product.startsWith(vendor) ? `${vendor} ${product}` : product
}

function serialOf(text: (path: string) => string): string | null {
  const tree = printable(text('proc/device-tree/serial-number'))
  const match = /^Serial\s*:\s*([0-9a-fA-F]+)$/m.exec(tree ? '' : text('proc/cpuinfo'))
  return (tree || match?.[1] || '').toLowerCase() || null
}

const printable = (text: string) => text.replace(/[^\x20-\x7e]/g, '').trim()

/** Interfaces that containers and tunnels make say nothing about where the device is. */
const virtualInterface = /^(?:lo|docker|br-|veth|virbr|cni|flannel|tun|tap|wg|resin|balena)/

export function readNetwork(interfaces = networkInterfaces()): Report {
  const addresses = new Set<string>()
  const macs = new Set<string>()
  for (const [name, entries = []] of Object.entries(interfaces)) {
    if (virtualInterface.test(name)) continue
    for (const { address, mac, internal } of entries) {
      if (internal || address.startsWith('fe80:') || address.startsWith('169.254.')) continue
      addresses.add(address)
      if (mac !== '00:00:00:00:00:00') macs.add(mac.toUpperCase())
    }
  }
  return { ip_address: joined(addresses), mac_address: joined(macs) }
}

const joined = (words: Set<string>) => (words.size > 0 ? [...words].sort().join(' ') : null)

/** In MiB, as the protocol has it. */
export function parseMemory(text: string): Report {
  const kib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1])
  const total = kib('MemTotal')
  const available = kib('MemAvailable')
  if (!Number.isFinite(total) || !Number.isFinite(available)) return {}
  return {
    memory_total: Math.round(total / 1024),
    memory_usage: Math.round((total - available) / 1024),
  }
}

/** In MiB, as the protocol has it. */
function readDisk(path: string, mounts: string): Report {
  try {
    const { bsize, blocks, bavail } = statfsSync(path)
    const mib = (count: number) => Math.round((count * bsize) / 1_048_576)
    return {
      storage_block_device: deviceOf(path, mounts),
      storage_total: mib(blocks),
      storage_usage: mib(blocks - bavail),
    }
  } catch {
    return {}
  }
}

/** The source of the longest mount point above `path`. */
export function deviceOf(path: string, mounts: string): string | null {
  let best = { point: '', source: null as string | null }
  for (const line of mounts.split('\n')) {
    const [before, after] = line.split(' - ')
    const point = before?.split(' ')[4]
    const source = after?.split(' ')[1]
    if (point === undefined || source === undefined) continue
    const above = point === '/' || path === point || path.startsWith(`${point}/`)
    if (above && point.length >= best.point.length) best = { point, source }
  }
  return best.source
}

export function parseCpuTime(text: string): CpuTime | null {
  const ticks = /^cpu +(.+)$/m.exec(text)?.[1]?.split(' ').map(Number)
  if (!ticks || ticks.length < 5 || ticks.some(Number.isNaN)) return null
  const total = ticks.slice(0, 8).reduce((sum, each) => sum + each, 0)
  const idle = ticks[3]! + ticks[4]!
  return { busy: total - idle, total }
}

/** Percent between two readings; since boot where there is only one. */
export function cpuUsage(before: CpuTime | null, now: CpuTime | null): number | null {
  if (!now) return null
  const busy = now.busy - (before?.busy ?? 0)
  const total = now.total - (before?.total ?? 0)
  if (total <= 0) return null
  return Math.min(100, Math.max(0, Math.round((100 * busy) / total)))
}

export function parseUptimeMs(text: string): number | null {
  const seconds = Number.parseFloat(text)
  return Number.isFinite(seconds) ? Math.round(seconds * 1_000) : null
}

/** The hottest zone in °C. */
export function hottest(root: string): number | null {
  const folder = join(root, 'sys/class/thermal')
  const readings = namesIn(folder)
    .filter((name) => name.startsWith('thermal_zone'))
    .map((name) => Number.parseInt(textOf(join(folder, name, 'temp')), 10) / 1_000)
    .filter((celsius) => celsius > -60 && celsius < 200)
  return readings.length > 0 ? Math.round(Math.max(...readings)) : null
}

/** Boards with a voltage monitor say so there; null on all others. */
export function isUndervolted(root: string): boolean | null {
  const folder = join(root, 'sys/class/hwmon')
  for (const name of namesIn(folder))
    if (textOf(join(folder, name, 'name')).trim() === 'rpi_volt')
      return textOf(join(folder, name, 'in0_lcrit_alarm')).trim() === '1'
  return null
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
