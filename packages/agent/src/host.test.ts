import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from './fixtures.ts'
import {
  cpuUsage,
  createHost,
  deviceOf,
  parseCpuTime,
  parseMemory,
  parseOsRelease,
  parseUptimeMs,
  readNetwork,
} from './host.ts'

function board(root: string, files: Record<string, string>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
}

test('os-release is read with and without quotes', () => {
  const found = parseOsRelease(
    '# a comment\nPRETTY_NAME="Debian \\"12\\""\nVARIANT_ID=prod\nNAME=\'x y\'\nEMPTY=\n',
  )
  assert.deepEqual(found, {
    PRETTY_NAME: 'Debian "12"',
    VARIANT_ID: 'prod',
    NAME: 'x y',
    EMPTY: '',
  })
})

test('a board says its model, serial, heat and voltage where the kernel has them', () => {
  using folder = temporaryFolder()
  board(folder.path, {
    'etc/os-release': 'PRETTY_NAME="Muster OS 1"\nVARIANT_ID=dev\n',
    'proc/device-tree/model': 'Raspberry Pi 4 Model B Rev 1.5\0',
    'proc/device-tree/serial-number': '100000ABCDEF\0',
    'proc/sys/kernel/random/boot_id': 'b-1\n',
    'proc/sys/kernel/hostname': 'pump\n',
    'proc/meminfo': 'MemTotal: 2048000 kB\nMemFree: 1 kB\nMemAvailable: 1024000 kB\n',
    'proc/stat': 'cpu  10 0 10 70 10 0 0 0 0 0\ncpu0 1 1 1 1\n',
    'proc/uptime': '12.34 40.00\n',
    'sys/class/thermal/thermal_zone0/temp': '41600\n',
    'sys/class/thermal/thermal_zone1/temp': '48100\n',
    'sys/class/thermal/cooling_device0/temp': '99000\n',
    'sys/class/hwmon/hwmon0/name': 'rpi_volt\n',
    'sys/class/hwmon/hwmon0/in0_lcrit_alarm': '1\n',
  })
  const host = createHost({ version: '1.0', diskPath: folder.path, root: folder.path })
  const { os_version, os_variant, model, cpu_id, boot_id, agent_version } = host.boot
  assert.deepEqual(
    [os_version, os_variant, model, cpu_id, boot_id, agent_version],
    ['Muster OS 1', 'dev', 'Raspberry Pi 4 Model B Rev 1.5', '100000abcdef', 'b-1', '1.0'],
  )
  const facts = host.read()
  assert.equal(facts.hostname, 'pump')
  assert.equal(facts.cpu_temp, 48)
  assert.equal(facts.is_undervolted, true)
  assert.equal(facts.cpu_usage, 20)
  assert.equal(facts.uptime_ms, 12_340)
  assert.deepEqual([facts.memory_total, facts.memory_usage], [2_000, 1_000])
  assert.ok(facts.storage_total! >= facts.storage_usage!)
})

test('a PC says its maker and product, unless the maker left a placeholder', () => {
  using folder = temporaryFolder()
  const modelWith = (vendor: string, product: string) => {
    board(folder.path, {
      'sys/class/dmi/id/sys_vendor': `${vendor}\n`,
      'sys/class/dmi/id/product_name': `${product}\n`,
    })
    return createHost({ version: '', diskPath: '/', root: folder.path }).boot.model
  }
  assert.equal(modelWith('Acme', 'Box 1'), 'Acme Box 1')
  assert.equal(modelWith('Acme', 'Acme Box 1'), 'Acme Box 1')
  assert.equal(modelWith('Acme', 'To Be Filled By O.E.M.'), null)
})

test('what a host does not tell is null or absent, and stops nothing', () => {
  using folder = temporaryFolder()
  const host = createHost({ version: '1', diskPath: '/nowhere', root: folder.path })
  assert.equal(host.boot.os_version, null)
  assert.equal(host.boot.model, null)
  const { memory_total, storage_total, cpu_usage, cpu_temp, uptime_ms } = host.read()
  assert.deepEqual(
    [memory_total, storage_total, cpu_usage, cpu_temp, uptime_ms],
    [undefined, undefined, null, null, null],
  )
})

test('this machine tells its essentials', () => {
  const host = createHost({ version: '1', diskPath: '/' })
  assert.ok(host.boot.kernel && host.boot.architecture && host.boot.boot_id)
  const { memory_total, storage_total, hostname, uptime_ms } = host.read()
  assert.ok(memory_total && storage_total && hostname && uptime_ms)
})

test('processor use is that between two readings, whatever came before', () => {
  const at = (text: string) => parseCpuTime(`cpu  ${text}\n`)
  const before = at('100 0 0 900 0 0 0 0 50 0')
  assert.equal(cpuUsage(null, before), 10)
  assert.equal(cpuUsage(before, at('150 0 0 950 0 0 0 0 50 0')), 50)
  assert.equal(cpuUsage(before, before), null)
  assert.equal(cpuUsage(before, null), null)
  assert.equal(parseCpuTime('nothing'), null)
})

test('addresses are those by which the device is found: sorted, without containers and tunnels', () => {
  const entry = (address: string, mac: string, internal = false) => ({
    address,
    mac,
    internal,
    netmask: '',
    family: 'IPv4' as const,
    cidr: null,
  })
  const found = readNetwork({
    lo: [entry('127.0.0.1', '00:00:00:00:00:00', true)],
    docker0: [entry('172.17.0.1', '02:42:00:00:00:01')],
    wg0: [entry('10.9.0.1', '00:00:00:00:00:00')],
    wlan0: [entry('192.168.0.9', 'bb:00:00:00:00:02'), entry('fe80::1', 'bb:00:00:00:00:02')],
    eth0: [entry('10.0.0.5', 'aa:00:00:00:00:01'), entry('169.254.3.4', 'aa:00:00:00:00:01')],
  })
  assert.deepEqual(found, {
    ip_address: '10.0.0.5 192.168.0.9',
    mac_address: 'AA:00:00:00:00:01 BB:00:00:00:00:02',
  })
  assert.deepEqual(readNetwork({}), { ip_address: null, mac_address: null })
})

test('the disk is the one that holds the path', () => {
  const mounts = [
    '1 0 8:1 / / rw - ext4 /dev/sda1 rw',
    '2 1 8:2 / /var rw - ext4 /dev/sda2 rw',
    '3 1 8:3 / /variable rw - ext4 /dev/sda3 rw',
  ].join('\n')
  assert.equal(deviceOf('/var/lib/agent', mounts), '/dev/sda2')
  assert.equal(deviceOf('/home', mounts), '/dev/sda1')
  assert.equal(deviceOf('/variable', mounts), '/dev/sda3')
  assert.equal(deviceOf('/', ''), null)
})

test('memory and uptime that make no sense are not told', () => {
  assert.deepEqual(parseMemory('MemTotal: many kB'), {})
  assert.equal(parseUptimeMs(''), null)
})
