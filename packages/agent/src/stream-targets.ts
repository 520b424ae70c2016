// Where streams may lead: the device's own list, which has the last word whatever the server asks.
// `ssh` is an sshd that the agent runs itself; `localhost:8080` is a port of this device, and
// `192.168.1.20:*` all ports of a machine that it reaches. The names for this device mean the same.

export type TargetList = { ssh: boolean; ports: readonly { host: string; port: number | null }[] }

export const onlySsh: TargetList = { ssh: true, ports: [] }

const ownNames = new Set(['localhost', '127.0.0.1', '::1'])
const nameOf = (host: string) => {
  const bare = host.toLowerCase().replace(/^\[(.*)\]$/, '$1')
  return ownNames.has(bare) ? 'localhost' : bare
}

/** `ssh,localhost:8080`, or `none`; null: it cannot be read. */
export function readTargets(text: string): TargetList | null {
  if (text.trim() === 'none') return { ssh: false, ports: [] }
  const ports: { host: string; port: number | null }[] = []
  let ssh = false
  for (const word of text.split(',').map((part) => part.trim())) {
    const [, host, port] = /^(\[[0-9a-f:.]+\]|[A-Za-z0-9._-]+):(\d{1,5}|\*)$/i.exec(word) ?? []
    if (word === 'ssh') ssh = true
    else if (host === undefined || !(port === '*' || isPort(Number(port)))) return null
    else ports.push({ host: nameOf(host), port: port === '*' ? null : Number(port) })
  }
  return { ssh, ports }
}

export function isPort(port: unknown): port is number {
  return Number.isInteger(port) && (port as number) >= 1 && (port as number) <= 65_535
}

export function isAllowed({ ports }: TargetList, host: string, port: number): boolean {
  return ports.some((each) => each.host === nameOf(host) && (each.port ?? port) === port)
}
