// The agent on a device: the real bundle, with the flags of its systemd unit, registered with a real
// server at the default interval. Memory is what is resident after a while of healthy heartbeats; idle
// CPU is what the kernel has counted for the process over the same time.

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ask, wait } from './http.ts'
import { populate } from './population.ts'
import { type Bench, type Measured, written } from './promise.ts'
import { adminToken, openFolder, residentBytes, rootDir, startServer } from './server-process.ts'

const ticksPerSecond = 100
const settlesMs = 10_000

export const agent: Bench = async ({ quick, say }) => {
  const idleMs = quick ? 5_000 : 90_000
  execFileSync('npm', ['run', 'build', '-w', 'packages/agent'], { cwd: rootDir, stdio: 'ignore' })
  const { flags, environment } = unitSettings()
  await using folder = await openFolder()
  await populate(folder.path, [{ slug: 'garden', deviceCount: 0, sightings: () => [] }], {
    untilAt: Date.now(),
  })
  await using server = await startServer(folder.path)
  const provisioningKey = await createProvisioningKey(server.url)
  const programs = [process.execPath, '/usr/bin/node'].map((node) => ({
    node,
    version: execFileSync(node, ['--version'], { encoding: 'utf8' }).trim(),
  }))
  const measured = await Promise.all(
    programs.map(async ({ node, version }, index) => {
      const stateDir = join(folder.path, `agent-${index}`)
      const bundle = 'packages/agent/dist/muster-agent.js'
      const words = ['--server', server.url, '--provisioning-key', provisioningKey]
      const child = spawn(node, [...flags, bundle, ...words, '--state-dir', stateDir], {
        cwd: rootDir,
        stdio: 'ignore',
        env: { PATH: process.env.PATH, ...environment },
      })
      try {
        await wait(settlesMs)
        const before = cpuTicks(child.pid!)
        await wait(idleMs)
        const share = ((cpuTicks(child.pid!) - before) / ticksPerSecond / (idleMs / 1_000)) * 100
        return { version, share, residentMb: residentBytes(child.pid!) / 1e6 }
      } finally {
        const ended = once(child, 'exit')
        child.kill('SIGTERM')
        await ended
      }
    }),
  )
  const heard = await server.read<{ items: { deviceCount: number }[] }>('/api/v1/fleets')
  if (heard.items[0]!.deviceCount !== programs.length) throw new Error('an agent did not register')
  await server.stop()
  for (const { version, share, residentMb } of measured)
    say(`${version}: ${written(residentMb, 'MB')}, ${written(share, '%')}`)
  const detail = `after ${(settlesMs + idleMs) / 1_000} s at the default interval, flags ${flags.join(' ')}`
  return measured.flatMap(({ version, share, residentMb }): Measured[] => [
    {
      promise: `agent: resident memory on Node ${version}`,
      unit: 'MB',
      better: 'less',
      must: 70,
      aim: 45,
      figure: residentMb,
      detail,
    },
    {
      promise: `agent: idle CPU on Node ${version}`,
      unit: '%',
      better: 'less',
      must: 0.5,
      aim: 0.2,
      figure: share,
      detail,
    },
  ])
}

/** What the unit gives to Node, so that the bench cannot differ from it. */
function unitSettings() {
  const unit = readFileSync(join(rootDir, 'deploy/agent/muster-agent.service'), 'utf8')
  const [, flags] = /^ExecStart=.*? node (.*?) \S+\.js$/m.exec(unit)!
  const settings = [...unit.matchAll(/^Environment=((?:MALLOC|UV)_\w+)=(.*)$/gm)]
  return {
    flags: flags!.split(' '),
    environment: Object.fromEntries(settings.map(([, name, value]) => [name!, value!])),
  }
}

export async function createProvisioningKey(url: string): Promise<string> {
  const { body } = await ask(
    `${url}/api/v1/fleets/garden/provisioning-keys`,
    { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' },
    { method: 'POST', body: '{}' },
  )
  return JSON.parse(body).key
}

/** User and system time of a process, in ticks of the kernel. */
function cpuTicks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return Number(fields[11]) + Number(fields[12])
}
