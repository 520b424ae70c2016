// Who may do what: one table of rights, and the roles that have each. The server enforces it before a
// route does anything, the tests ask about every cell of it over HTTP, and the reference page is
// printed from it, so that there is no second opinion.
//
// A role is held in an organization, and may be another, higher or lower, on single fleets of it; who
// has a role on fleets only sees those and nothing else. Rejected: rights given one by one, which
// nobody can oversee, and denials, which make the order of rules matter.

export const roles = ['observer', 'operator', 'developer', 'administrator'] as const
export type Role = (typeof roles)[number]

export const roleTitles = {
  observer: 'Looks: sees devices, fleets and their history, and changes nothing.',
  operator: 'Keeps devices running: actions, streams, names, tags and policies of devices.',
  developer: 'Makes fleets and devices: registers, moves and deletes them, and gives out keys.',
  administrator: 'Answers for the organization: members, freezes, the audit log and its name.',
} as const satisfies Record<Role, string>

/** What a right is asked about. */
export const rightScopes = {
  self: 'whoever is signed in, about what is their own',
  fleet: 'one fleet and its devices: the role on that fleet decides',
  organization: 'the organization as a whole: a role on single fleets is not enough',
  server: 'the whole server: its administrators, in every organization',
} as const
export type RightScope = keyof typeof rightScopes

type RightRow = { title: string; scope: RightScope; roles: readonly Role[] }

const observers = roles
const operators = ['operator', 'developer', 'administrator'] as const
const developers = ['developer', 'administrator'] as const
const administrators = ['administrator'] as const

export const rights = {
  'fleets-read': {
    title: 'See fleets, their policies and their devices by status',
    scope: 'fleet',
    roles: observers,
  },
  'fleets-create': {
    title: 'Create fleets',
    scope: 'organization',
    roles: developers,
  },
  'fleets-write': {
    title: 'Change the name, type and policy of a fleet, and delete it when it is empty',
    scope: 'fleet',
    roles: developers,
  },
  'fleets-freeze': {
    title: 'Freeze and thaw a fleet or a device by hand',
    scope: 'fleet',
    roles: administrators,
  },
  'provisioning-keys-write': {
    title: 'List, create and revoke the provisioning keys of a fleet',
    scope: 'fleet',
    roles: developers,
  },
  'devices-read': {
    title: 'See devices: status, reasons, tags and facts',
    scope: 'fleet',
    roles: observers,
  },
  'devices-write': {
    title: 'Rename and tag devices, and change their own policies',
    scope: 'fleet',
    roles: operators,
  },
  'devices-move': {
    title: 'Move devices between fleets; it is needed on both',
    scope: 'fleet',
    roles: developers,
  },
  'devices-register': {
    title: 'Preregister, activate and deactivate devices, and give them new keys',
    scope: 'fleet',
    roles: developers,
  },
  'devices-delete': { title: 'Delete devices', scope: 'fleet', roles: developers },
  'views-write': {
    title: 'Save views of the list of devices, and share them',
    scope: 'fleet',
    roles: operators,
  },
  'actions-run': { title: 'Ask devices for actions', scope: 'fleet', roles: operators },
  'streams-open': {
    title: 'Open streams to devices: SSH, terminal and tunnels',
    scope: 'fleet',
    roles: operators,
  },
  'recordings-write': {
    title: 'Say how terminals of a fleet are recorded and limited, and delete recordings',
    scope: 'fleet',
    roles: administrators,
  },
  'history-read': {
    title: 'Read the history of devices and fleets, and follow it live',
    scope: 'fleet',
    roles: observers,
  },
  'history-export': {
    title: 'Export the history of devices and fleets',
    scope: 'fleet',
    roles: observers,
  },
  'audit-read': {
    title: 'Read, export and verify the audit log',
    scope: 'organization',
    roles: administrators,
  },
  'members-read': {
    title: 'See the members of the organization and their roles',
    scope: 'organization',
    roles: observers,
  },
  'members-write': {
    title: 'Invite members, change their roles and remove them',
    scope: 'organization',
    roles: administrators,
  },
  'organization-read': {
    title: 'See the organization, its plan and how much of it is used',
    scope: 'organization',
    roles: observers,
  },
  'organization-write': {
    title: 'Rename the organization, and delete it when it is empty',
    scope: 'organization',
    roles: administrators,
  },
  'plan-write': {
    title: 'See all organizations of the server, create them and set their plans',
    scope: 'server',
    roles: [],
  },
  'users-write': {
    title: 'See users of the server, and shut one out or let them in again',
    scope: 'server',
    roles: [],
  },
  'server-audit-read': {
    title: 'Read, export and verify the log of what belongs to no organization',
    scope: 'server',
    roles: [],
  },
  'ssh-keys-own': {
    title: 'Add and remove one’s own SSH keys, with which one logs in to devices',
    scope: 'self',
    roles: observers,
  },
  'tokens-own': { title: 'Make and revoke one’s own API tokens', scope: 'self', roles: observers },
  'sessions-own': {
    title: 'See who one is, list and end one’s own sessions, and leave',
    scope: 'self',
    roles: observers,
  },
} as const satisfies Record<string, RightRow>

export type Right = keyof typeof rights
export const rightNames = Object.keys(rights) as readonly Right[]

/** What somebody holds in one organization. */
export type Grants = {
  /** In the organization as a whole; null: on the fleets below only. */
  role: Role | null
  /** By the id of the fleet, where it is another than in the organization. */
  fleetRoles: ReadonlyMap<number, Role>
  /** Runs the server: may set the plans of the organizations that it hosts. */
  serverAdministrator: boolean
}

export const noGrants: Grants = { role: null, fleetRoles: new Map(), serverAdministrator: false }

/**
 * Whether these grants hold the right: on that fleet, or, where a right is about fleets and none is
 * named, on any fleet at all (a list then shows what may be seen).
 */
export function allows(grants: Grants, right: Right, fleetId?: number): boolean {
  const { scope, roles }: RightRow = rights[right]
  const has = (role: Role | null) => role !== null && roles.includes(role)
  if (scope === 'self') return true
  if (scope === 'server') return grants.serverAdministrator
  if (scope === 'organization') return has(grants.role)
  if (fleetId !== undefined) return has(grants.fleetRoles.get(fleetId) ?? grants.role)
  return has(grants.role) || grants.fleetRoles.values().some(has)
}

/** The fleets whose devices may be seen; null: all of the organization. */
export function visibleFleets({ role, fleetRoles }: Grants): readonly number[] | null {
  return role === null ? [...fleetRoles.keys()].sort((a, b) => a - b) : null
}

/** The same on these fleets only: what a narrower token holds of its owner's. */
export function narrowed({ role, fleetRoles }: Grants, fleetIds: readonly number[]): Grants {
  const held = fleetIds.flatMap((id): [number, Role][] => {
    const on = fleetRoles.get(id) ?? role
    return on ? [[id, on]] : []
  })
  return { role: null, fleetRoles: new Map(held), serverAdministrator: false }
}

export const isRole = (word: string): word is Role => roles.includes(word as Role)

/** What a refusal says of a right that is missing, and of those who have it. */
export function describeMissing(right: Right): string {
  const { scope, roles, title }: RightRow = rights[right]
  const who = scope === 'server' ? ['administrators of the server'] : roles.map((one) => `${one}s`)
  const where = scope === 'organization' ? ' of the whole organization' : ''
  return `it needs the right ${right} (${title}), and ${listed(who)}${where} have it`
}

function listed(words: readonly string[]): string {
  const last = words.at(-1) ?? 'nobody'
  return words.length < 2 ? last : `${words.slice(0, -1).join(', ')} and ${last}`
}
