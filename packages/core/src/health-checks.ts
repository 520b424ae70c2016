// Health checks: what the agent examines on its own host, by which limits it judges what it measured,
// and what people are told of it. A closed list, pure: measuring is the agent's, and the words are told
// by the server from these tables, so a device sends a result, a step and what it measured, and no prose
// of ours. What a device says of itself is evidence and never a verdict: it may stand in a reason beside
// what we have seen ourselves, for as long as nothing that we saw has refuted it (status.ts).
//
// Two checks are ways: to the API and of cloudlink. They are walked step by step, so that the answer is
// not "it does not work" but the first step that did not. Rejected: one "network" check with a text.

export const checkResults = ['ok', 'warning', 'failed', 'unknown', 'not-here'] as const
export type CheckResult = (typeof checkResults)[number]

type Told = { means: string; advice: string }
type CheckRow = { title: string; about: string; warning: Told; failed: Told }

/** In the order in which they are shown. */
export const checks = {
  disk: {
    title: 'Disk',
    about: 'how full the file system of the agent’s state folder is, and whether it can be written',
    warning: {
      means: 'Its disk is nearly full.',
      advice: 'Delete what is not needed: old images, logs, data of services.',
    },
    failed: {
      means: 'Its disk is full, or takes no more writes: updates and logs fail next.',
      advice:
        'Make room at once. A file system that has become read-only by itself often tells of a dying card.',
    },
  },
  memory: {
    title: 'Memory',
    about: 'how much of the memory is taken and cannot be given back',
    warning: {
      means: 'Its memory is nearly used up.',
      advice: 'See which service grows, and restart it; give services limits.',
    },
    failed: {
      means: 'It has next to no memory left: the kernel kills processes next.',
      advice: 'Restart the service that has grown, or reboot the device.',
    },
  },
  temperature: {
    title: 'Temperature',
    about: 'the hottest sensor of the board',
    warning: {
      means: 'It is hot; most boards slow down from about here.',
      advice: 'See to its air and its load.',
    },
    failed: {
      means: 'It is so hot that it slows down, and may switch itself off.',
      advice: 'Cool it, or take load from it.',
    },
  },
  voltage: {
    title: 'Supply voltage',
    about: 'whether a Raspberry Pi has too little voltage now',
    warning: { means: 'Its voltage is low.', advice: 'Check its power supply and the cable.' },
    failed: {
      means: 'Its voltage is too low: it slows down, and its card may lose data.',
      advice: 'Give it a stronger power supply or a shorter cable.',
    },
  },
  time: {
    title: 'Time',
    about: 'how far its clock is from that of the server, and whether it is kept synchronized',
    warning: {
      means: 'Its clock is off, or nothing keeps it right: its logs tell other times than ours.',
      advice: 'Let it reach a time server (NTP, UDP port 123).',
    },
    failed: {
      means: 'Its clock is so wrong that it takes sound certificates for invalid.',
      advice: 'Let it reach a time server (NTP, UDP port 123), or set its clock.',
    },
  },
  dns: {
    title: 'DNS',
    about: 'whether the name of the server, or of the proxy before it, has an address there',
    warning: { means: 'DNS is slow.', advice: 'Check the name servers of the device.' },
    failed: {
      means: 'The device cannot turn the name of the server into an address.',
      advice: 'Check the name servers of the device, and the name that the agent was given.',
    },
  },
  api: {
    title: 'API',
    about: 'the way to the API of this server, by a new connection, step by step',
    warning: {
      means: 'The API is reached, but not as surely as it should be.',
      advice: 'See to it before the connection that still stands is cut.',
    },
    failed: {
      means: 'The device does not reach the API: heartbeats and reports do not arrive.',
      advice: 'Begin with the step that failed.',
    },
  },
  cloudlink: {
    title: 'Cloudlink',
    about: 'whether the link stands; if not, the way that it takes, step by step',
    warning: {
      means: 'The link stands, but not as surely as it should.',
      advice: 'See to it before it is cut.',
    },
    failed: {
      means: 'The link does not stand, though every step to it works now.',
      advice: 'Wait for the next try of the agent; if it fails again, see its log.',
    },
  },
  docker: {
    title: 'Docker',
    about: 'whether Docker Engine answers, and whether containers restart again and again',
    warning: {
      means: 'A container does not stay up: it is restarted again and again.',
      advice: 'Look at the logs of that service.',
    },
    failed: {
      means: 'Docker Engine does not answer: services can be neither seen nor restarted.',
      advice: 'Restart the Docker service of the host, or reboot the device.',
    },
  },
} as const satisfies Record<string, CheckRow>
export type Check = keyof typeof checks
export const checkNames = Object.keys(checks) as Check[]

/** The steps of a way, in their order. A way has those that it needs: no TLS with http, no proxy without one. */
export const waySteps = {
  dns: {
    title: 'DNS',
    means: 'The name could not be turned into an address.',
    advice: 'Check the name servers of the device, and the name that the agent was given.',
  },
  tcp: {
    title: 'TCP',
    means: 'No connection to the address came about.',
    advice: 'Let the network and its firewall pass connections to this address and port.',
  },
  proxy: {
    title: 'the proxy',
    means: 'The proxy opened no tunnel to the server.',
    advice:
      'Check the address and credentials of the proxy, and that it permits CONNECT to the port.',
  },
  tls: {
    title: 'TLS',
    means:
      'Whoever answered has no certificate that the device accepts; often it is a proxy or firewall that inspects TLS.',
    advice:
      'Exempt this server from inspection, or give the device the right CA with --ca. Where dates are the trouble, check the clock first.',
  },
  http: {
    title: 'HTTP',
    means: 'What answered is not this server, or it refuses the device.',
    advice: 'Look for a captive portal or a proxy’s page on the way, and check the device key.',
  },
  upgrade: {
    title: 'the upgrade',
    means: 'The connection may not become a WebSocket.',
    advice: 'Let proxies and firewalls pass WebSockets (`Upgrade: websocket`) to this server.',
  },
} as const satisfies Record<string, Told & { title: string }>
export type WayStep = keyof typeof waySteps
export const wayStepNames = Object.keys(waySteps) as WayStep[]

/** From where on a measure is a warning, and from where a failure. */
export const limits = {
  diskUsedPercent: { warning: 90, failed: 97 },
  memoryUsedPercent: { warning: 90, failed: 97 },
  celsius: { warning: 75, failed: 85 },
  clockOffMs: { warning: 10_000, failed: 3_600_000 },
  lookupMs: { warning: 2_000, failed: Infinity },
} as const
/** A certificate that ends sooner is worth a word. */
export const certificateLeftMs = 7 * 86_400_000
/** A clock that shows less has never been set. */
export const earliestAt = Date.UTC(2026, 0, 1)

export const healthLimits = {
  findings: 20,
  detail: 300,
  claim: 400,
  agoMs: 30 * 86_400_000,
} as const

/** Why the device examined itself: it was asked to, a channel was in trouble, or it is well again. */
export const examinationCauses = ['asked', 'trouble', 'recovery'] as const
export type ExaminationCause = (typeof examinationCauses)[number]

export type Finding = {
  check: Check
  result: CheckResult
  /** Of a way: the first step that failed. */
  step: WayStep | null
  /** What was measured. */
  detail: string
}

/** `agoMs`: how long before it was sent, by the device's own patience and not by its clock. */
export type HealthReport = {
  cause: ExaminationCause
  agoMs: number
  tookMs: number
  findings: Finding[]
}

/** What it means and what to do; null: nothing is wrong. */
export function tellFinding({ check, result, step }: Finding): Told | null {
  if (result !== 'warning' && result !== 'failed') return null
  const { means, advice } = step && result === 'failed' ? waySteps[step] : checks[check][result]
  return { means, advice }
}

/** Whatever a device or a certificate says, in one line that brings no controls along. */
export function plainText(text: string, length: number): string {
  return text
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .trim()
    .slice(0, length)
    .toWellFormed()
}

export function finding(
  check: Check,
  result: CheckResult,
  detail: string,
  step: WayStep | null = null,
): Finding {
  return { check, result, step, detail: plainText(detail, healthLimits.detail) }
}

const graded = (value: number, limit: { warning: number; failed: number }): CheckResult =>
  value >= limit.failed ? 'failed' : value >= limit.warning ? 'warning' : 'ok'

const gibibytes = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`
const used = ({ totalBytes, freeBytes }: Space) =>
  Math.floor((100 * (totalBytes - freeBytes)) / totalBytes)

type Space = { totalBytes: number; freeBytes: number }

export function judgeDisk(found: Space & { isReadOnly: boolean }): Finding {
  const percent = used(found)
  const text = `${percent} % of ${gibibytes(found.totalBytes)} used`
  if (found.isReadOnly) return finding('disk', 'failed', `it cannot be written; ${text}`)
  return finding('disk', graded(percent, limits.diskUsedPercent), text)
}

export function judgeMemory(found: Space | null): Finding {
  if (!found) return finding('memory', 'unknown', 'the kernel does not say')
  const percent = used(found)
  const text = `${percent} % of ${gibibytes(found.totalBytes)} used`
  return finding('memory', graded(percent, limits.memoryUsedPercent), text)
}

export function judgeTemperature(celsius: number | null): Finding {
  if (celsius === null) return finding('temperature', 'not-here', 'the board has no sensor')
  return finding('temperature', graded(celsius, limits.celsius), `${celsius} °C`)
}

export function judgeVoltage(isTooLow: boolean | null): Finding {
  if (isTooLow === null) return finding('voltage', 'not-here', 'the board does not watch it')
  return finding('voltage', isTooLow ? 'failed' : 'ok', isTooLow ? 'too low now' : 'enough')
}

/** `shownAt` by the device; `aheadMs` of the server's clock, null: it was not reached. */
export type TimeFound = { shownAt: number; aheadMs: number | null; isSynchronized: boolean | null }

export function judgeTime({ shownAt, aheadMs, isSynchronized }: TimeFound): Finding {
  const kept = { true: 'kept synchronized', false: 'nothing keeps it', null: '' }[
    `${isSynchronized}`
  ]
  const said = (result: CheckResult, text: string) =>
    finding('time', result, [text, kept].filter(Boolean).join(', '))
  if (shownAt < earliestAt)
    return said('failed', `the clock shows ${new Date(shownAt).toISOString().slice(0, 10)}`)
  if (aheadMs === null)
    return said(
      isSynchronized === null ? 'unknown' : isSynchronized ? 'ok' : 'warning',
      'the server was not reached to compare',
    )
  const offMs = Math.abs(aheadMs)
  const result = graded(offMs, limits.clockOffMs)
  const side = aheadMs < 0 ? 'behind' : 'ahead of'
  const text =
    offMs < 1_000 ? 'with the server' : `${Math.round(offMs / 1_000)} s ${side} the server`
  return said(result === 'ok' && isSynchronized === false ? 'warning' : result, text)
}

/** What Docker Engine said; null: there is none. */
export type DockerFound =
  | { version: string; containerCount: number; restarting: readonly string[] }
  | { trouble: string }
  | null

export function judgeDocker(found: DockerFound): Finding {
  if (!found) return finding('docker', 'not-here', 'there is no Docker Engine')
  if ('trouble' in found) return finding('docker', 'failed', found.trouble)
  const { version, containerCount, restarting } = found
  const text = `version ${version}, ${containerCount} containers`
  if (restarting.length === 0) return finding('docker', 'ok', text)
  return finding(
    'docker',
    'warning',
    `${text}; restarted again and again: ${restarting.join(', ')}`,
  )
}

/** One way to the server, as far as it could be gone. */
export type WayFound = {
  /** Those that were taken, in their order. */
  passed: readonly { step: WayStep; tookMs: number }[]
  failed: { step: WayStep; why: string } | null
  /** The name that had to be looked up; null: an address was given. */
  name: string | null
  address: string | null
  /** `host:port`; null: there is none. */
  proxy: string | null
  /** Of whoever answered; `leftMs` by the device's clock. */
  certificate: { issuer: string; leftMs: number | null } | null
}

const stepsText = ({ passed, proxy }: WayFound) =>
  passed
    .map(({ step, tookMs }) => `${step}${step === 'proxy' ? ` ${proxy}` : ''} ${tookMs} ms`)
    .join(', ')

/** The failure of a way: what went wrong at the step, and who had signed what was shown before. */
function failureText({ failed, certificate, proxy }: WayFound): string {
  const { step, why } = failed!
  const by = certificate ? `certificate issued by ${plainText(certificate.issuer, 100)}` : ''
  if (step === 'tls') return [by, why].filter(Boolean).join(': ')
  const through = proxy && wayStepNames.indexOf(step) <= wayStepNames.indexOf('proxy')
  const text = through ? `${why} (through ${proxy})` : why
  return by ? `${text}; ${by}` : text
}

export function judgeDns({ name, passed, failed, address, proxy }: WayFound): Finding {
  if (name === null) return finding('dns', 'not-here', 'the server is called by its address')
  const of = proxy ? `${name}, the proxy,` : name
  if (failed?.step === 'dns') return finding('dns', 'failed', `${name}: ${failed.why}`)
  const tookMs = passed.find(({ step }) => step === 'dns')?.tookMs ?? 0
  return finding('dns', graded(tookMs, limits.lookupMs), `${of} is ${address} (${tookMs} ms)`)
}

/** How heartbeats fare at the same time; `trouble` null: the last was answered. */
export type BeatFound = { trouble: string | null }

export function judgeApi(way: WayFound, { trouble }: BeatFound): Finding {
  if (way.failed) {
    const text = failureText(way)
    const { step } = way.failed
    if (trouble !== null) return finding('api', 'failed', text, step)
    const at = waySteps[step].title
    const stands = 'heartbeats pass over a connection that stands; a new one fails'
    return finding('api', 'warning', `${stands} at ${at}: ${text}`, step)
  }
  if (trouble !== null)
    return finding(
      'api',
      'warning',
      `every step works now, while the last heartbeat failed: ${trouble}`,
    )
  const { leftMs = null, issuer } = way.certificate ?? {}
  if (leftMs !== null && leftMs < certificateLeftMs) {
    const days = Math.floor(leftMs / 86_400_000)
    return finding('api', 'warning', `its certificate, issued by ${issuer}, ends in ${days} days`)
  }
  const by = issuer === undefined ? '' : `; certificate issued by ${issuer}`
  return finding('api', 'ok', `${stepsText(way)}${by}`)
}

/** The link at the same time; a way is walked only where it does not stand. */
export type LinkFound =
  | { phase: 'off' }
  | { phase: 'up'; upForMs: number; replica: string }
  | { phase: 'down'; trouble: string | null; way: WayFound }

export function judgeCloudlink(link: LinkFound): Finding {
  if (link.phase === 'off')
    return finding('cloudlink', 'not-here', 'the policy has switched it off')
  if (link.phase === 'up') {
    const { upForMs, replica } = link
    return finding('cloudlink', 'ok', `up for ${Math.round(upForMs / 1_000)} s, at ${replica}`)
  }
  const { way, trouble } = link
  if (way.failed) return finding('cloudlink', 'failed', failureText(way), way.failed.step)
  const last = trouble === null ? '' : `; the last try: ${trouble}`
  return finding('cloudlink', 'failed', `every step works now${last}`)
}

/** A channel that the device says has failed: where, and in its words. */
export type Claim = { step: WayStep | null; text: string }

/** What its findings say of a channel, such as "cloudlink failed at TLS: …"; null: nothing bad. */
export function claimOn(channel: 'api' | 'cloudlink', findings: readonly Finding[]): Claim | null {
  const found = findings.find(({ check }) => check === channel)
  if (found?.result !== 'failed') return null
  const { step, detail } = found
  const at = step ? ` at ${waySteps[step].title}` : ''
  const name = channel === 'api' ? 'API' : channel
  return { step, text: plainText(`${name} failed${at}: ${detail}`, healthLimits.claim) }
}

/** "2 of 9 health checks are not well: disk, cloudlink". */
export function summaryOf(findings: readonly Finding[]): string {
  const bad = findings.filter(({ result }) => result === 'failed' || result === 'warning')
  if (bad.length === 0) return `${findings.length} health checks, none of them failed`
  const names = bad.map(({ check }) => check).join(', ')
  return `${bad.length} of ${findings.length} health checks are not well: ${names}`
}
