// The fixed names and limits of the device protocol, apart from its schemas: the agent's bundle takes
// these and leaves the schema library behind, which a small device has no memory for.

/** Configuration names in the target state; all values are strings, as the protocol has it. */
export const configNames = {
  heartbeatIntervalMs: 'SUPERVISOR_POLL_INTERVAL',
  cloudlinkEnabled: 'SUPERVISOR_VPN_CONTROL',
} as const

export const maxReportBytes = 256 * 1024

/** How our agent names itself in `User-Agent`; its heartbeats have ±10 % jitter. */
export const agentUserAgent = 'muster-agent'
/** How balena-supervisor names itself. */
export const supervisorUserAgent = 'Supervisor/'
/** Our agent's jitter, as a part of its interval, both ways. */
export const heartbeatJitter = 0.1
