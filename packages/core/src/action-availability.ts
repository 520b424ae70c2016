// "Why can't I…?": for every kind of action whether it would work now, over which channel it would go,
// when it would arrive, and what to do if it would not. Pure, over what the server knows of the device.

import { type ActionChannel, type ActionKind, actionKinds, maxActionsWaiting } from './actions.ts'

export type DeviceReach = {
  frozen: boolean
  active: boolean
  agent: 'muster' | 'supervisor' | null
  heartbeat: 'unknown' | 'online' | 'timeout' | 'offline'
  cloudlink: 'connected' | 'disconnected' | 'disabled'
  /** When its next heartbeat is due at the latest; null: none is expected. */
  dueAt: number | null
  /** What the device said of Docker: a version, "none", or nothing. */
  docker: string | null
  services: readonly string[]
  waitingCount: number
}

export type Availability = {
  kind: ActionKind
  title: string
  effect: string
  proof: string
  takes: 'service' | null
  asksFirst: boolean
  /** `now`: at once or with the next heartbeat; `later`: it waits, since nothing is heard of the device. */
  works: 'now' | 'later' | 'no'
  channel: ActionChannel | null
  /** When it arrives at the latest, as far as that can be said. */
  arrivesAt: number | null
  /** Why it does not work, or not at once; null: it does. */
  why: Obstacle | null
  advice: string | null
}

export const obstacles = {
  frozen: { title: 'The device is frozen', advice: 'Its status says why; thaw it first.' },
  'other-agent': {
    title: 'The device does not run Muster’s agent',
    advice: 'Install Muster’s agent on it; the agent that it has takes no actions.',
  },
  'never-seen': {
    title: 'The device has never been heard',
    advice: 'Start it with its key; an action that is queued now waits until it expires.',
  },
  'out-of-reach': {
    title: 'Neither channel works',
    advice: 'The action is kept and delivered when the device is back, unless it expires before.',
  },
  'next-heartbeat': {
    title: 'Cloudlink is not connected',
    advice: 'The action goes with the answer to the next heartbeat.',
  },
  'no-docker': {
    title: 'The device has no Docker',
    advice: 'Install Docker Engine on it, or let the agent use its socket (--docker-socket).',
  },
  'no-services': {
    title: 'The device has no services',
    advice: 'There is no container on it that counts as a service.',
  },
  'queue-full': {
    title: 'Too many actions wait for the device',
    advice: 'Cancel some of them, or wait until they are done or have expired.',
  },
} as const satisfies Record<string, { title: string; advice: string }>
export type Obstacle = keyof typeof obstacles

/** What stops the action for good; null: it may be queued. */
export function obstacleTo(kind: ActionKind, device: DeviceReach): Obstacle | null {
  if (device.frozen) return 'frozen'
  if (device.agent === 'supervisor') return 'other-agent'
  if (actionKinds[kind].needsDocker) {
    if (device.docker === 'none') return 'no-docker'
    if (device.docker !== null && device.services.length === 0) return 'no-services'
  }
  return device.waitingCount >= maxActionsWaiting ? 'queue-full' : null
}

export function availabilityOf(kind: ActionKind, device: DeviceReach, now: number): Availability {
  const { title, effect, proof, takes, asksFirst } = actionKinds[kind]
  const told = { kind, title, effect, proof, takes, asksFirst }
  const because = (why: Obstacle | null) => ({ why, advice: why && obstacles[why].advice })
  const obstacle = obstacleTo(kind, device)
  if (obstacle)
    return { ...told, works: 'no', channel: null, arrivesAt: null, ...because(obstacle) }
  if (device.cloudlink === 'connected')
    return { ...told, works: 'now', channel: 'cloudlink', arrivesAt: now, ...because(null) }
  if (device.heartbeat === 'online' || device.heartbeat === 'timeout')
    return {
      ...told,
      works: 'now',
      channel: 'heartbeat',
      arrivesAt: device.dueAt,
      ...because('next-heartbeat'),
    }
  const why = device.heartbeat === 'unknown' ? 'never-seen' : 'out-of-reach'
  return { ...told, works: 'later', channel: null, arrivesAt: null, ...because(why) }
}
