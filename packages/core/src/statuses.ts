// The eight statuses of a device, in order of precedence: the first whose rule holds is the status.
// One table, used by the rules, the API, the docs page, the command line and (by its tokens) the
// dashboard, so that a status has one word, one title and one meaning everywhere.

export type Status =
  | 'frozen'
  | 'inactive'
  | 'post-provisioning'
  | 'disconnected'
  | 'configuring'
  | 'updating'
  | 'reduced-functionality'
  | 'operational'

export const statuses = {
  frozen: {
    title: 'Frozen',
    when: 'The organization is over its allowance (newest devices first), or the fleet is of a paid type on a free plan, or an administrator froze it.',
    meaning:
      'Its containers run on and its channels are still recorded; actions, streams and new target state are refused.',
  },
  inactive: {
    title: 'Inactive',
    when: 'Deactivated, or preregistered and not yet in contact with the API.',
    meaning: 'Not counted against the allowance. First contact makes it active.',
  },
  'post-provisioning': {
    title: 'Post Provisioning',
    when: 'Provisioned (it registered itself, or reports that stage) and has not yet come online.',
    meaning: 'Carries provisioning progress.',
  },
  disconnected: {
    title: 'Disconnected',
    when: 'Neither channel is working, or the device announced a clean shutdown.',
    meaning:
      'Nothing can be done until it makes contact again. Actions wait for its next heartbeat.',
  },
  configuring: {
    title: 'Configuring',
    when: 'Applying OS configuration or an OS update, and its heartbeat is online or timeout.',
    meaning: 'Carries the step and its progress.',
  },
  updating: {
    title: 'Updating',
    when: 'Moving to its target release, and its heartbeat is online or timeout.',
    meaning: 'Carries overall progress over its images.',
  },
  'reduced-functionality': {
    title: 'Reduced Functionality',
    when: 'One of the two channels is missing or late.',
    meaning: 'The reasons say which channel is missing and what still works over the other.',
  },
  operational: {
    title: 'Operational',
    when: 'Heartbeat online, and cloudlink connected or switched off by policy.',
    meaning: 'Everything works.',
  },
} as const satisfies Record<Status, { title: string; when: string; meaning: string }>

export const statusWords = Object.keys(statuses) as readonly Status[]

export function isStatus(word: string): word is Status {
  return Object.hasOwn(statuses, word)
}

/** The heartbeat channel: never seen, on time, late, lost. */
export type HeartbeatState = 'unknown' | 'online' | 'timeout' | 'offline'
export const heartbeatStates = ['unknown', 'online', 'timeout', 'offline'] as const

/** The cloudlink channel; `disabled` is switched off by policy, which is not a fault. */
export type CloudlinkState = 'connected' | 'disconnected' | 'disabled'
export const cloudlinkStates = ['connected', 'disconnected', 'disabled'] as const

/** Where a device is on the way to its target release; kept beside the status. */
export type UpdateStatus =
  | 'done'
  | 'downloading'
  | 'downloaded'
  | 'applying-changes'
  | 'rejected'
  | 'aborted'

export const updateStatuses = {
  done: { title: 'Done', moving: false },
  downloading: { title: 'Downloading', moving: true },
  downloaded: { title: 'Downloaded', moving: true },
  'applying-changes': { title: 'Applying changes', moving: true },
  rejected: { title: 'Rejected', moving: false },
  aborted: { title: 'Aborted', moving: false },
} as const satisfies Record<UpdateStatus, { title: string; moving: boolean }>
