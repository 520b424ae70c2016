// Why a device has its status: a closed list. Each reason has a title for people, the evidence that
// it carries (names and units), and advice: what to do, and what still works. The reference page is
// generated from this table, and the compiler proves that every code has its row.

export type ReasonCode =
  | 'frozen-over-allowance'
  | 'frozen-paid-fleet-type'
  | 'frozen-by-administrator'
  | 'deactivated'
  | 'preregistered'
  | 'not-yet-online'
  | 'goodbye'
  | 'goodbye-overdue'
  | 'heartbeat-never'
  | 'heartbeat-late'
  | 'heartbeat-lost'
  | 'cloudlink-down'
  | 'duplicate-identity'
  | 'applying-os-configuration'
  | 'moving-to-target-release'
  | 'stalled'
  | 'fully-connected'

/**
 * What the device itself says of a channel that does not work, where it found a way to say it: it
 * supports a reason that rests on what we have seen, and is none by itself.
 */
const claim = ['failedStep', 'deviceSays', 'deviceSaidAt'] as const

type ReasonRow = { title: string; evidence: readonly string[]; advice: string }

export const reasons = {
  'frozen-over-allowance': {
    title: 'The organization has more active devices than its allowance',
    evidence: ['frozenAt'],
    advice:
      'Raise the allowance or deactivate devices that are not in use; the newest devices are frozen first and thaw at once. Containers run on meanwhile.',
  },
  'frozen-paid-fleet-type': {
    title: 'The fleet is of a paid type and the plan is free',
    evidence: ['frozenAt'],
    advice: 'Change the fleet type or the plan; devices thaw at once. Containers run on meanwhile.',
  },
  'frozen-by-administrator': {
    title: 'An administrator froze it',
    evidence: ['frozenAt', 'by'],
    advice: 'An administrator can thaw it. Containers run on meanwhile.',
  },
  deactivated: {
    title: 'It was deactivated',
    evidence: ['deactivatedAt', 'by'],
    advice: 'It becomes active again by itself with its next contact; nothing else is needed.',
  },
  preregistered: {
    title: 'It was preregistered and has not yet been in contact',
    evidence: ['preregisteredAt'],
    advice:
      'Start the agent on the device with this uuid and its device key; first contact makes it active.',
  },
  'not-yet-online': {
    title: 'It is provisioned and has not yet come online',
    evidence: ['provisionedAt', 'stage'],
    advice:
      'Boot the device into its installed system. If it has booted, check that it can reach this server and that its agent is running.',
  },
  goodbye: {
    title: 'It announced a clean shutdown',
    evidence: ['goodbyeAt', 'cause', 'by', 'expectedBackAt'],
    advice: 'Nothing is wrong. It comes back with its next contact.',
  },
  'goodbye-overdue': {
    title: 'It announced a clean shutdown and is not back when expected',
    evidence: ['goodbyeAt', 'cause', 'by', 'expectedBackAt'],
    advice:
      'Check its power and its network; it did not come back from a shutdown that it announced.',
  },
  'heartbeat-never': {
    title: 'No heartbeat has ever arrived',
    evidence: ['sinceAt'],
    advice: 'Check that the agent is running and can reach the API of this server.',
  },
  'heartbeat-late': {
    title: 'Its heartbeat is late',
    evidence: ['lastHeartbeatAt', 'intervalMs', 'lateAt', 'lostAt', 'lastAddress', ...claim],
    advice: 'Wait until it lapses or recovers; a single late heartbeat is usually the network.',
  },
  'heartbeat-lost': {
    title: 'Its heartbeat is lost',
    evidence: ['lastHeartbeatAt', 'intervalMs', 'lostAt', 'lastAddress', ...claim],
    advice:
      'Check power, network and the agent on the device. Actions wait for its next heartbeat.',
  },
  'cloudlink-down': {
    title: 'Its cloudlink is down',
    evidence: ['sinceAt', ...claim],
    advice:
      'SSH, tunnels and immediate actions do not work now; with a heartbeat, actions still arrive with the next one. Check that the network lets the device open WebSockets to this server; its health checks say which step fails.',
  },
  'duplicate-identity': {
    title: 'Two machines take its cloudlink from each other',
    evidence: ['seenAt', 'address', 'otherAddress'],
    advice:
      'Its identity was copied, as with a cloned disk. Stop the agent on one of the machines, empty its state folder and register it as a device of its own.',
  },
  'applying-os-configuration': {
    title: 'It is applying OS configuration or an OS update',
    evidence: ['startedAt', 'step'],
    advice: 'Wait; it may reboot. Do not cut its power.',
  },
  'moving-to-target-release': {
    title: 'It is moving to its target release',
    evidence: ['startedAt', 'updateStatus'],
    advice: 'Wait; progress is over all images of the release.',
  },
  stalled: {
    title: 'No progress for longer than the policy allows',
    evidence: ['lastProgressAt', 'stallMs'],
    advice:
      'Look at disk space, at the network to the registry and at the logs of the device; restart the agent if it stays stuck.',
  },
  'fully-connected': {
    title: 'Every channel that its policy asks for is working',
    evidence: ['lastHeartbeatAt'],
    advice: 'Nothing to do.',
  },
} as const satisfies Record<ReasonCode, ReasonRow>

export const reasonCodes = Object.keys(reasons) as readonly ReasonCode[]

/** Facts that support a reason; instants in epoch ms on the server's clock, durations in ms. */
export type ReasonEvidence = Record<string, string | number | null>

export type Reason = { code: ReasonCode; evidence: ReasonEvidence }
