// The fleet of the demo: nine devices, each brought to its status by what really brings a device
// there. Eight of them run or have run our agent against the server over HTTP; this very machine is
// one of them. Nothing is written past the API.

import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { DeviceView } from '@muster/core/api.ts'
import type { ApiClient } from '@muster/core/api-client.ts'
import { type Clock, pause } from '@muster/core/clock.ts'
import { Refusal } from '@muster/core/errors.ts'
import type { Status } from '@muster/core/statuses.ts'
import { openNarrowWay } from './narrow-way.ts'
import { type Crew, programs, type Running } from './processes.ts'

export const fleetSlug = 'demo'
/** Short, so that a kill shows while one looks on. */
export const policy = {
  heartbeatIntervalMs: 5_000,
  heartbeatGraceMs: 3_000,
  cloudlinkEnabled: true,
  cloudlinkKeepaliveMs: 5_000,
  cloudlinkGraceMs: 3_000,
}

export type DemoDevice = {
  name: string
  uuid: string
  stateDir: string
  /** What it shows. */
  status: Status
  /** The latest agent that was started for it; null: it never had one. */
  agent: Running | null
}

export type Stage = {
  crew: Crew
  api: ApiClient
  clock: Clock
  server: string
  folder: string
  /** The name of this machine. */
  hostName: string
}

export type DemoFleet = {
  devices: readonly DemoDevice[]
  /** Brings every device to its status. */
  start(): Promise<void>
  /** Lets the work of two of them go on until `signal` is aborted. */
  work(signal: AbortSignal): Promise<void>
}

type Story = [name: string, status: Status, (device: DemoDevice, play: Play) => Promise<void>]

/** Who is in the fleet, what each is to show, and what brings it there. */
function storiesOf({ api, hostName, server }: Stage): Story[] {
  return [
    [hostName, 'operational', (_device, { run }) => run()],
    [
      'roof-camera',
      'reduced-functionality',
      async (_device, { run }) => {
        const { url } = await openNarrowWay(server)
        await run(url)
      },
    ],
    [
      'lobby-display',
      'updating',
      async (_device, { register, tell, run }) => {
        await register()
        await tell('report', ...downloading(4))
        await run()
      },
    ],
    [
      'boiler-room',
      'configuring',
      async (_device, { register, tell, run }) => {
        await register()
        await tell('report', ...configuring(10))
        await run()
      },
    ],
    [
      'delivery-van',
      'disconnected',
      async (device, { run, tell }) => {
        await run()
        await tell('goodbye', '--cause=shutdown', '--by=the driver', '--expected-back=10m')
        await device.agent!.stop()
      },
    ],
    [
      'meter-7',
      'disconnected',
      async (device, { run }) => {
        await run()
        await device.agent!.stop('SIGKILL')
      },
    ],
    [
      'garden-pump',
      'post-provisioning',
      (_device, { register }) => register('--stage-progress=60'),
    ],
    [
      'spare-till',
      'inactive',
      async ({ uuid, name }) => {
        await api.devices.preregister({ fleet: fleetSlug, uuid, name })
      },
    ],
    [
      'loading-dock',
      'frozen',
      async ({ uuid }, { run }) => {
        await run()
        await api.devices.switch(uuid, 'freeze')
      },
    ],
  ]
}

export function createDemoFleet(stage: Stage): DemoFleet {
  const { api, crew } = stage
  const stories = storiesOf(stage)
  const devices = stories.map(([name, status]) => newDevice(stage, name, status))

  return {
    devices,

    async start() {
      await api.fleets.create({ name: 'Demo', slug: fleetSlug, policy })
      const { key } = await api.provisioningKeys.create(fleetSlug, { name: 'demo' })
      await Promise.all(
        stories.map(([, , story], i) => story(devices[i]!, playOf(stage, devices[i]!, key))),
      )
    },

    async work(signal) {
      const named = (name: string) => devices.find((device) => device.name === name)!
      await Promise.all([
        keepReporting(named('lobby-display'), updateSteps()),
        keepReporting(named('boiler-room'), configurationSteps()),
      ])

      async function keepReporting({ stateDir }: DemoDevice, steps: Iterable<string[]>) {
        for (const words of steps) {
          await pause(stage.clock, reportEveryMs, signal)
          if (signal.aborted) return
          await crew.run([programs.agent, 'report', '--state-dir', stateDir, ...words])
        }
      }
    },
  }
}

function newDevice({ folder }: Stage, name: string, status: Status): DemoDevice {
  const uuid = randomBytes(16).toString('hex')
  return { name, uuid, stateDir: join(folder, name), status, agent: null }
}

type Play = {
  /** Registers it as an image flasher does: it has not come online. */
  register(...words: string[]): Promise<void>
  /** Starts its agent, and resolves when the server has heard it, on another way if one is given. */
  run(way?: string): Promise<void>
  /** Runs a command of its agent to its end. */
  tell(...words: string[]): Promise<void>
}

function playOf({ crew, api, clock, server }: Stage, device: DemoDevice, key: string): Play {
  const { stateDir, uuid, name } = device
  const identityAt = (at: string) => ['--server', at, '--uuid', uuid, '--name', name]
  mkdirSync(stateDir, { recursive: true, mode: 0o700 })

  async function tell(...words: string[]) {
    const env = { MUSTER_AGENT_STATE_DIR: stateDir, MUSTER_AGENT_PROVISIONING_KEY: key }
    const { code, err } = await crew.run([programs.agent, ...words], { env })
    if (code !== 0)
      throw new Error(`muster-agent ${words[0]} for ${name} ended with ${code}: ${err}`)
  }

  return {
    tell,
    register: (...words) => tell('register', ...identityAt(server), ...words),
    async run(way = server) {
      const words = ['--state-dir', stateDir, ...identityAt(way)]
      const agent = crew.start([programs.agent, ...words], {
        env: { MUSTER_AGENT_PROVISIONING_KEY: key },
        logPath: join(stateDir, 'agent.log'),
      })
      device.agent = agent
      while (!(await wasHeard(api, uuid))) {
        if (!agent.isRunning) throw new Error(`the agent of ${name} ended: ${agent.said()}`)
        await pause(clock, 100)
      }
    },
  }
}

/** Whether its agent beats, so that what follows finds it at work. */
async function wasHeard(api: ApiClient, uuid: string): Promise<boolean> {
  const device: DeviceView | null = await api.devices.read(uuid).catch((error) => {
    if (error instanceof Refusal && error.code === 'device-not-found') return null
    throw error
  })
  return device !== null && device.heartbeat.state === 'online' && 'kernel' in device.facts
}

/** The agent reports at most every ten seconds. */
const reportEveryMs = 10_000

const downloading = (progress: number) => ['--update-status=downloading', `--progress=${progress}`]
const configuring = (progress: number) => [
  '--configuring=Setting up the network',
  `--progress=${progress}`,
]

/** One release after the other, with a short rest between them, for ever. */
function* updateSteps(): Generator<string[]> {
  for (;;) {
    for (let progress = 10; progress <= 100; progress += 6) yield downloading(progress)
    yield ['--update-status=downloaded']
    yield ['--update-status=applying-changes']
    yield ['--update-status=done']
    yield downloading(4)
  }
}

function* configurationSteps(): Generator<string[]> {
  for (;;) {
    for (let progress = 12; progress <= 98; progress += 2) yield configuring(progress)
    yield ['--configured']
    yield configuring(10)
  }
}
