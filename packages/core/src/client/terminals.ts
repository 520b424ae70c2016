// Calls about terminals: what fleets say about them, their recordings, and the URLs of devices.

import type { PageOf } from '../api.ts'
import type { DeviceUrlChange, DeviceUrlView } from '../device-url-api.ts'
import type { ByteStream } from '../event-stream.ts'
import type { RecordingQuery, RecordingView, TerminalPolicy } from '../terminal-api.ts'
import type { Call, Given, Pages, Query } from './calls.ts'

type Connection = {
  call: Call
  pages: Pages
  /** The answer as it arrives, however long that takes. */
  open(path: string, query: Query): Promise<ByteStream>
}

export function terminalCalls({ call, pages, open }: Connection) {
  const policyAt = (slug: string) => `/fleets/${encodeURIComponent(slug)}/terminal`
  const urlAt = (uuid: string) => `/devices/${encodeURIComponent(uuid)}/url`
  return {
    terminalPolicy: {
      read: (slug: string) => call<TerminalPolicy>('GET', policyAt(slug)),
      put: (slug: string, body: TerminalPolicy, basedOn?: TerminalPolicy) =>
        call<TerminalPolicy>('PUT', policyAt(slug), { body, basedOn }),
    },
    recordings: {
      pages: (query: Given<typeof RecordingQuery> = {}) =>
        pages<RecordingView, PageOf<RecordingView>>('/recordings', query),
      read: (id: number) => call<RecordingView>('GET', `/recordings/${id}`),
      /** As asciicast v2. */
      cast: (id: number) => open(`/recordings/${id}/cast`, {}),
      delete: (id: number) => call<void>('DELETE', `/recordings/${id}`),
    },
    deviceUrl: {
      read: (uuid: string) => call<DeviceUrlView>('GET', urlAt(uuid)),
      enable: (uuid: string, body: Given<typeof DeviceUrlChange>, basedOn?: DeviceUrlView) =>
        call<DeviceUrlView>('PUT', urlAt(uuid), { body, basedOn }),
      disable: (uuid: string) => call<void>('DELETE', urlAt(uuid)),
    },
  }
}
