// Actions: what members ask of a device. One table says what there is, and one function how an action
// moves. Two sides speak of it: the server, which queues, sends, gives up or is told to cancel, and the
// device, which alone knows what was done. So what the device says always wins, whenever it arrives: a
// reboot that was given up for lost and happened all the same has succeeded. States are ranked, a
// report never moves an action down, and so duplicates and any order of arrival end in the same truth.
// Rejected: refusing what comes after the end, which would leave a lie in the record.

export const actionStates = {
  queued: { title: 'Queued', about: 'It waits for a way to the device.', isFinal: false, rank: 0 },
  sent: {
    title: 'Sent',
    about: 'It was sent; the device has not answered.',
    isFinal: false,
    rank: 1,
  },
  expired: {
    title: 'Expired',
    about: 'The device did not take or finish it in time.',
    isFinal: true,
    rank: 2,
  },
  cancelled: {
    title: 'Cancelled',
    about: 'It was taken back before the device began.',
    isFinal: true,
    rank: 2,
  },
  running: { title: 'Running', about: 'The device has begun.', isFinal: false, rank: 3 },
  succeeded: {
    title: 'Succeeded',
    about: 'It was done, and there is proof.',
    isFinal: true,
    rank: 4,
  },
  failed: {
    title: 'Failed',
    about: 'The device could not do it, and says why.',
    isFinal: true,
    rank: 4,
  },
} as const satisfies Record<
  string,
  { title: string; about: string; isFinal: boolean; rank: number }
>
export type ActionState = keyof typeof actionStates
export const actionStateNames = Object.keys(actionStates) as ActionState[]
export const isActionState = (word: string): word is ActionState =>
  Object.hasOwn(actionStates, word)

type KindRow = {
  title: string
  /** What will happen, said before it does. */
  effect: string
  /** What shows that it was done. */
  proof: string
  /** Its one parameter; null: it has none. */
  takes: 'service' | null
  needsDocker: boolean
  /** Something is lost, or the device is away for a while: people are asked once more. */
  asksFirst: boolean
  /** How long the device may take once it has begun, until we give up on it. */
  runningMs: number
}

const minuteMs = 60_000
export const defaultExpiryMs = 60 * minuteMs
export const expiryLimits = { min: 10_000, max: 7 * 24 * 60 * minuteMs } as const
/** Per device, waiting or under way. */
export const maxActionsWaiting = 20

export const actionKinds = {
  reboot: {
    title: 'Reboot',
    effect: 'The device says goodbye and starts again; it is away for a minute or two.',
    proof: 'another boot id',
    takes: null,
    needsDocker: false,
    asksFirst: true,
    runningMs: 30 * minuteMs,
  },
  shutdown: {
    title: 'Shut down',
    effect: 'The device says goodbye and switches off; somebody must switch it on again.',
    proof: 'silence since its goodbye, or another boot id',
    takes: null,
    needsDocker: false,
    asksFirst: true,
    runningMs: 3 * minuteMs,
  },
  'restart-services': {
    title: 'Restart all services',
    effect: 'Every service of the device is stopped and started; each is away for some seconds.',
    proof: 'each container has started anew',
    takes: null,
    needsDocker: true,
    asksFirst: true,
    runningMs: 15 * minuteMs,
  },
  'restart-service': {
    title: 'Restart a service',
    effect: 'The service is stopped and started; it is away for some seconds.',
    proof: 'its container has started anew',
    takes: 'service',
    needsDocker: true,
    asksFirst: false,
    runningMs: 10 * minuteMs,
  },
  'start-service': {
    title: 'Start a service',
    effect: 'The service is started; one that runs already is left alone.',
    proof: 'its container runs',
    takes: 'service',
    needsDocker: true,
    asksFirst: false,
    runningMs: 10 * minuteMs,
  },
  'stop-service': {
    title: 'Stop a service',
    effect: 'The service is stopped, and stays so until it is started again.',
    proof: 'its container does not run',
    takes: 'service',
    needsDocker: true,
    asksFirst: true,
    runningMs: 10 * minuteMs,
  },
  'purge-data': {
    title: 'Purge data',
    effect:
      'Services are stopped, everything in their volumes is deleted for good, and they are started again.',
    proof: 'the volumes are empty',
    takes: null,
    needsDocker: true,
    asksFirst: true,
    runningMs: 30 * minuteMs,
  },
  identify: {
    title: 'Identify',
    effect: 'The device blinks for ten seconds, or writes a line in its log where it has no light.',
    proof: 'the light or the log that was used',
    takes: null,
    needsDocker: false,
    asksFirst: false,
    runningMs: 2 * minuteMs,
  },
  'check-updates': {
    title: 'Check for updates',
    effect: 'The device asks for its target state at once.',
    proof: 'the answer to that',
    takes: null,
    needsDocker: false,
    asksFirst: false,
    runningMs: 5 * minuteMs,
  },
  'run-checks': {
    title: 'Run health checks',
    effect: 'The device examines itself and reports what it finds.',
    proof: 'the findings',
    takes: null,
    needsDocker: false,
    asksFirst: false,
    runningMs: 5 * minuteMs,
  },
} as const satisfies Record<string, KindRow>
export type ActionKind = keyof typeof actionKinds
export const actionKindNames = Object.keys(actionKinds) as ActionKind[]
export const isActionKind = (word: string): word is ActionKind => Object.hasOwn(actionKinds, word)

export const actionChannels = ['cloudlink', 'heartbeat'] as const
export type ActionChannel = (typeof actionChannels)[number]

/** What an action has lived through; instants on our clock, epoch ms. */
export type ActionCourse = {
  readonly state: ActionState
  readonly kind: ActionKind
  readonly createdAt: number
  readonly expiresAt: number
  readonly sentAt: number | null
  readonly sentCount: number
  readonly channel: ActionChannel | null
  readonly startedAt: number | null
  readonly endedAt: number | null
  /** What the device said of it, or we did. */
  readonly result: ActionResult | null
}

export type ActionResult = {
  /** A word for programs, such as `interrupted`; null where it succeeded. */
  readonly code: string | null
  readonly text: string
  /** What shows it, such as the boot ids before and after. */
  readonly proof: Readonly<Record<string, string>>
}

export type ActionEvent =
  | { kind: 'sent'; at: number; channel: ActionChannel }
  /** Sent over a link, and nothing came back: it waits again. */
  | { kind: 'unanswered'; at: number }
  | { kind: 'cancelled'; at: number; by: string }
  /** Its deadline has passed. `contactAt`: when the device was last heard. */
  | { kind: 'overdue'; at: number; contactAt: number | null }
  | { kind: 'running'; at: number; channel: ActionChannel }
  | { kind: 'succeeded' | 'failed'; at: number; channel: ActionChannel; result: ActionResult }

/** A device that shuts down may be heard for so long after it began: its goodbye. */
const goodbyeWithinMs = 15_000

/** The action after the event, or null: the event changes nothing. */
export function advanceAction(action: ActionCourse, event: ActionEvent): ActionCourse | null {
  const { rank, isFinal } = actionStates[action.state]
  switch (event.kind) {
    case 'sent':
      if (isFinal || rank > actionStates.sent.rank || event.at >= action.expiresAt) return null
      return {
        ...action,
        state: 'sent',
        sentAt: event.at,
        sentCount: action.sentCount + 1,
        channel: event.channel,
      }
    case 'unanswered':
      return action.state === 'sent' ? { ...action, state: 'queued' } : null
    case 'cancelled': {
      if (isFinal || rank > actionStates.cancelled.rank) return null
      return ended(action, 'cancelled', event.at, said('cancelled', `taken back by ${event.by}`))
    }
    case 'overdue':
      return overdue(action, event)
    case 'running':
      // One that is known to have begun was given up later than that: this is an echo.
      if (rank >= actionStates.running.rank || action.startedAt !== null) return null
      return {
        ...action,
        state: 'running',
        channel: event.channel,
        startedAt: event.at,
        endedAt: null,
        result: null,
      }
    case 'succeeded':
    case 'failed': {
      if (rank >= actionStates.succeeded.rank) return null
      const { kind, at, channel, result } = event
      const startedAt = action.startedAt ?? at
      return { ...ended(action, kind, at, result), channel, startedAt }
    }
    default:
      return event satisfies never
  }
}

function overdue(
  action: ActionCourse,
  { at, contactAt }: { at: number; contactAt: number | null },
) {
  if (actionStates[action.state].isFinal || at < deadlineOf(action)) return null
  if (action.startedAt === null)
    return ended(action, 'expired', at, said('expired', 'the device did not take it in time'))
  const silent = contactAt === null || contactAt <= action.startedAt + goodbyeWithinMs
  if (action.kind === 'shutdown' && silent)
    return ended(action, 'succeeded', at, {
      code: null,
      text: 'silent since its goodbye',
      proof: { lastContactAt: new Date(contactAt ?? action.startedAt).toISOString() },
    })
  return ended(
    action,
    'expired',
    at,
    said('no-result', 'the device began, and never said how it went'),
  )
}

function ended(
  action: ActionCourse,
  state: ActionState,
  at: number,
  result: ActionResult,
): ActionCourse {
  return { ...action, state, endedAt: at, result }
}

const said = (code: string, text: string): ActionResult => ({ code, text, proof: {} })

/** When we give up on it; Infinity: it has ended. */
export function deadlineOf({ state, kind, expiresAt, startedAt }: ActionCourse): number {
  if (actionStates[state].isFinal) return Infinity
  return startedAt === null ? expiresAt : startedAt + actionKinds[kind].runningMs
}

/** Over a link that stands, an action that is not answered is sent again: after 5 s, 10 s, 20 s, … */
const firstResendMs = 5_000
const longestResendMs = 5 * minuteMs

/** When it is to be sent again or given up; Infinity: never. */
export function actionDueAt(action: ActionCourse): number {
  const { state, sentAt, sentCount, channel } = action
  const deadlineAt = deadlineOf(action)
  if (state !== 'sent' || sentAt === null || channel !== 'cloudlink') return deadlineAt
  const delayMs = Math.min(longestResendMs, firstResendMs * 2 ** Math.min(sentCount - 1, 10))
  return Math.min(deadlineAt, sentAt + delayMs)
}

/** What the device is told. `leftMs`: how long it is still wanted. */
export type ActionOrder = {
  id: string
  kind: ActionKind
  service?: string
  /** Who asked. */
  by: string
  leftMs: number
}

/** What the device says of it. */
export type ActionReport = {
  id: string
  state: 'running' | 'succeeded' | 'failed'
  code?: string | null
  text?: string
  proof?: Record<string, string>
}

export const actionIdPattern = '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'
export const actionTextLimits = {
  code: 50,
  text: 500,
  proofName: 50,
  proofValue: 200,
  proofs: 20,
} as const
