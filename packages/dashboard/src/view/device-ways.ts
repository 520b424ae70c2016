// The commands by which a device is reached from a machine of one's own, ready to be pasted into a shell.

import type { DeviceView } from '@muster/core/api.ts'

/** By its name where a shell takes that as one word, and else by the beginning of its uuid. */
export const calledOnCommandLine = ({
  name,
  shortUuid,
}: Pick<DeviceView, 'name' | 'shortUuid'>): string =>
  /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name) ? name : shortUuid

const greatestPort = 65_535

export const isPort = (text: string): boolean =>
  /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= greatestPort

/** Null: the ports are none. `local` empty: as on the device. */
export function tunnelCommand(called: string, port: string, local: string): string | null {
  if (!isPort(port) || (local !== '' && !isPort(local))) return null
  const ports = local === '' || local === port ? port : `${port}:${local}`
  return `muster tunnel ${called} ${ports}`
}

export const sshCommand = (called: string): string => `muster ssh ${called}`
