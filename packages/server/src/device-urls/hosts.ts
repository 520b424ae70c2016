// The host names of devices, and where a request among them is meant to go.

const hostPattern = /^([0-9a-f]{32}|[0-9a-f]{62})\.(.+)$/

export type Hosts = ReturnType<typeof nameHosts>

/** Without a domain no host name is of a device. */
export function nameHosts(domain: string | null, publicUrl: string | null) {
  return {
    uuidOf(host: string | undefined): string | null {
      const [, uuid, rest] = hostPattern.exec(nameOf(host)) ?? []
      return domain !== null && rest === domain ? uuid! : null
    },

    /** Where the URL of a device is, or null where there are none. */
    addressOf(uuid: string): string | null {
      if (domain === null) return null
      const { protocol, port } = new URL(publicUrl ?? 'http://localhost')
      return `${protocol}//${uuid}.${domain}${port === '' ? '' : `:${port}`}/`
    },

    /** Where a browser gets a ticket for that path of a device, or null where nobody said where we are. */
    ticketsAt(uuid: string, path: string): string | null {
      if (publicUrl === null) return null
      const base = publicUrl.replace(/\/+$/, '')
      return `${base}/api/v1/devices/${uuid}/url/enter?to=${encodeURIComponent(path)}`
    },
  }
}

function nameOf(host: string | undefined): string {
  return (host ?? '').toLowerCase().replace(/:\d+$/, '').replace(/\.$/, '')
}

/** A path of this very host, whatever was asked for. */
export function localPath(to: string | null): string {
  return to !== null && /^\/(?![/\\])[\x21-\x7e]*$/.test(to) ? to : '/'
}
