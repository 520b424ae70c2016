// A device after a transition that the live stream tells of, before it is read again: what the transition
// says is taken over at once, and the rest stays as it was known.

import type { DeviceView, TransitionView } from '@muster/core/api.ts'

export function afterTransition(device: DeviceView, transition: TransitionView): DeviceView {
  const { at, to, heartbeat, cloudlink, reasons, name, fleet } = transition
  const since = (channel: { state: string; since: number | null }, state: string) =>
    channel.state === state ? channel.since : at
  const isSame = device.status.status === to
  return {
    ...device,
    name,
    fleet,
    status: {
      ...device.status,
      status: to,
      since: isSame ? device.status.since : at,
      reasons,
      progress: isSame ? device.status.progress : null,
    },
    heartbeat: {
      ...device.heartbeat,
      state: heartbeat,
      since: since(device.heartbeat, heartbeat),
    },
    cloudlink: { state: cloudlink, since: since(device.cloudlink, cloudlink) },
  }
}
