// What host tools say about the device, in the words of the protocol. A step of OS configuration is a
// provisioning state with progress; an update that the host runs itself is reported as an app of its
// own, next to those of the target state. Where the protocol would take unknown progress for something
// else (none at all for "not configuring", none of a download for "complete"), it is told as 0.

import type { Report } from '@muster/core/device-protocol.ts'
import type { UpdateStatus } from '@muster/core/statuses.ts'

export type Statement =
  | { kind: 'configuring'; step: string; progress: number | null }
  | { kind: 'configured' }
  | { kind: 'update'; updateStatus: UpdateStatus; progress: number | null }

/** The app and release under which an update of the host itself is reported. */
const hostApp = 'host'
const hostRelease = 'current'

/** The protocol writes it with a space. */
const wireUpdateStatus = (word: UpdateStatus) => word.replace('-', ' ')

const serviceStatus: Record<UpdateStatus, string> = {
  done: 'Running',
  downloading: 'Downloading',
  downloaded: 'Downloaded',
  'applying-changes': 'Installing',
  rejected: 'Running',
  aborted: 'Running',
}

export function reportOf(statement: Statement): Report {
  switch (statement.kind) {
    case 'configuring':
      return {
        provisioning_state: statement.step,
        provisioning_progress: statement.progress ?? 0,
      }
    case 'configured':
      return atRest
    case 'update': {
      const { updateStatus, progress } = statement
      const service = {
        image: hostApp,
        status: serviceStatus[updateStatus],
        download_progress: progress ?? (updateStatus === 'downloading' ? 0 : null),
      }
      const release = {
        update_status: wireUpdateStatus(updateStatus),
        services: { [hostApp]: service },
      }
      return { apps: { [hostApp]: { releases: { [hostRelease]: release } } } }
    }
    default:
      return statement satisfies never
  }
}

/** Neither provisioning nor configuring: what a fresh boot reports. */
export const atRest: Report = { provisioning_state: '', provisioning_progress: null }

/** The report of an image that was written and has not booted from its own disk yet. */
export function stageReport(progress: number): Report {
  return { provisioning_state: 'Post-Provisioning', provisioning_progress: progress }
}
