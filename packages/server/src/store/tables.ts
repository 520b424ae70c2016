// The tables, as Kysely sees them. Instants are epoch ms; booleans are 0 or 1; JSON is text that is
// parsed and written inside store/ only. Heartbeats touch `contacts` alone, which is kept narrow so
// that a heartbeat costs one small row; everything wider sits in `devices` and changes seldom.

import type { Generated } from 'kysely'

export type Tables = {
  organizations: {
    id: Generated<number>
    slug: string
    name: string
    device_allowance: number | null
    allows_paid_fleets: number
    created_at: number
  }
  users: {
    id: Generated<number>
    /** In lower case. */
    email: string
    name: string | null
    /** Null: signs in by other means. */
    password_hash: string | null
    /** 0 or 1: may do what concerns the server as a whole. */
    is_server_administrator: number
    created_at: number
    disabled_at: number | null
  }
  members: {
    id: Generated<number>
    organization_id: number
    user_id: number
    /** Empty: on single fleets only. */
    role: string
    created_at: number
  }
  fleet_members: { member_id: number; fleet_id: number; role: string }
  invitations: {
    id: Generated<number>
    organization_id: number
    email: string
    role: string
    token_hash: string
    invited_by: string
    created_at: number
    expires_at: number
  }
  invitation_fleets: { invitation_id: number; fleet_id: number; role: string }
  sessions: {
    id: Generated<number>
    hash: string
    user_id: number
    /** 0 or 1: came from a provider of OpenID Connect. */
    by_oidc: number
    address: string | null
    client: string | null
    created_at: number
    expires_at: number
    last_used_at: number
  }
  api_tokens: {
    id: Generated<number>
    hash: string
    prefix: string
    user_id: number
    organization_id: number | null
    name: string
    /** As core's token-scope.ts writes it. */
    scope: string
    /** 0 or 1: of the fleets in api_token_fleets only, also where none of them is left. */
    of_fleets: number
    /** 0 or 1: the one of MUSTER_ADMIN_TOKEN. */
    is_automation: number
    created_at: number
    expires_at: number | null
    last_used_at: number | null
  }
  api_token_fleets: { token_id: number; fleet_id: number }
  totp: {
    user_id: number
    secret: string
    created_at: number
    /** Null: it waits for its first code, and is not asked for. */
    confirmed_at: number | null
    last_step: number
  }
  recovery_codes: { user_id: number; hash: string }
  reset_links: { user_id: number; hash: string; drops_totp: number; expires_at: number }
  oidc_identities: { issuer: string; subject: string; user_id: number; created_at: number }
  sign_in_failures: { key: string; failures: number; last_at: number }
  fleets: {
    id: Generated<number>
    organization_id: number
    slug: string
    name: string
    paid_type: number
    /** Frozen by an administrator, as a whole. */
    frozen_at: number | null
    frozen_by: string | null
    /** Of a paid type on a free plan. */
    type_frozen_at: number | null
    policy: string
    /** Devices that count against the allowance; kept by deltas. */
    active_count: Generated<number>
    /** Its devices with a greater id are still to be judged anew; null: none. */
    rejudge_after: number | null
    created_at: number
  }
  /** Devices per fleet and status; kept by deltas in the transaction that moves a device. */
  fleet_counts: { fleet_id: number; status: string; count: number }
  provisioning_keys: {
    id: Generated<number>
    fleet_id: number
    hash: string
    prefix: string
    name: string | null
    created_at: number
    expires_at: number | null
    revoked_at: number | null
    last_used_at: number | null
  }
  devices: {
    id: Generated<number>
    uuid: string
    name: string
    fleet_id: number
    device_type: string | null
    note: string | null
    policy: string
    /** DeviceEvidence without its heartbeat, which is in contacts. */
    evidence: string
    /** 0 or 1: counts against the allowance. */
    active: number
    /** Beyond the allowance of its organization since then. */
    allowance_frozen_at: number | null
    /** Empty until it has been judged for the first time. */
    status: string
    status_since: number
    heartbeat_state: string
    heartbeat_since: number
    cloudlink_state: string
    cloudlink_since: number
    /** Codes of the reasons, joined by commas: with status and channels, what a transition compares. */
    reason_codes: string
    progress: number | null
    created_at: number
  }
  device_keys: {
    hash: string
    device_id: number
    created_at: number
    expires_at: number | null
  }
  device_tags: { device_id: number; key: string; value: string }
  device_facts: { device_id: number; facts: string; reported_at: number }
  /** The hot, narrow row of a device: its latest heartbeat and its next deadline. */
  contacts: {
    device_id: number
    /** Counts everything that happened to the device except plain heartbeats. */
    version: number
    heartbeat_at: number | null
    /** When its verdict was last judged; its lapses since then are still to be found. */
    judged_at: number
    /** The verdict must be judged anew at this instant; 0: now. Null: silence changes nothing. */
    due_at: number | null
    /** A plain heartbeat at t moves due_at to t + renew_ms; null: it must be judged. */
    renew_ms: number | null
    /** … but never beyond this instant, at which something other than the heartbeat lapses. */
    cap_at: number | null
    /** The heartbeat interval that its latest poll was answered with. */
    told_ms: number | null
    agent: string | null
    address: string | null
  }
  transitions: {
    /** Position in the log: contiguous, in the order of commits. */
    id: number
    at: number
    device_id: number
    fleet_id: number
    /** Words are digits of a number here, and reasons are short: see transition-codec.ts. */
    codes: number
    reasons: string
  }
  /** Every position after `complete_after` is there; before it, what outlived its time is gone. */
  log_position: { id: number; position: number; complete_after: Generated<number> }
  /** The log summed up by fleet, hour of `at` and codes: see fleet-hours.ts. */
  fleet_hours: {
    fleet_id: number
    /** Hours since 1970. */
    hour: number
    codes: number
    count: number
    /** The sum of their distances from the beginning of the hour. */
    offset_ms: number
  }
  /** How long the history of an organization is kept; no row: the default. */
  history_limits: { organization_id: number; kept_days: number; kept_from: number }
  /** Up to which transition of a fleet, by time and position, superseded ones are deleted. */
  history_sweeps: { fleet_id: number; swept_until: number; swept_id: number }
  /** What history keeps of devices that were deleted. */
  departed_devices: {
    device_id: number
    uuid: string
    name: string
    fleet_id: number
    /** What it left, as in a transition; 0: it had never been judged. */
    codes: number
    deleted_at: number
  }
  /** Devices that left a fleet for another: where to look for them when asked how it was before. */
  device_moves: {
    id: Generated<number>
    device_id: number
    from_fleet_id: number
    to_fleet_id: number
    /** What it left, as in a transition. */
    codes: number
    at: number
  }
  /** One row for each time that a replica listened: all that it heard until until_at is durable. */
  listening: {
    id: Generated<number>
    replica: string
    started_at: number
    until_at: number
    /** When until_at was written, on the clock of the database. */
    wrote_at: number
    ended_at: number | null
  }
  /** Public keys with which people log in to devices; the line is as authorized_keys has it. */
  ssh_keys: {
    id: Generated<number>
    user_id: number
    name: string
    type: string
    line: string
    fingerprint: string
    created_at: number
  }
  /** The counter from which epochs of links are drawn. */
  link_epochs: { id: number; last: number }
  /** What was asked of devices: see actions-store.ts. */
  actions: {
    id: string
    device_id: number
    kind: string
    service: string | null
    requested_by: string
    state: string
    channel: string | null
    created_at: number
    expires_at: number
    sent_at: number | null
    sent_count: number
    started_at: number | null
    ended_at: number | null
    result: string | null
    steps: string
    /** When it is sent again or given up; null: it has ended. */
    due_at: number | null
  }
  /** What each device found when it last examined itself. */
  device_health: {
    device_id: number
    examined_at: number
    said_at: number
    examination: string
  }
  gaps: { id: Generated<number>; from_at: number; until_at: number; kind: string }
  /** Acts of people and programs that have begun and not ended: durable before their effect. */
  audit_acts: {
    id: string
    replica: string
    begun_at: number
    /** What it changes, alone until it has ended; null: it guards nothing. */
    guards: string | null
    draft: string
  }
  audit_entries: {
    organization_id: number
    position: number
    at: number
    user_id: number | null
    user_email: string | null
    role: string | null
    credential: string | null
    operation: string
    target: string | null
    fleet: string | null
    address: string | null
    client: string | null
    outcome: string
    code: string | null
    detail: string
    hash: string
  }
  /** One row for each chain; it stays locked until the commit, so replicas append in one order. */
  audit_heads: {
    organization_id: number
    position: number
    hash: string
    /** The last entry that retention removed. */
    anchor_position: number
    anchor_hash: string
  }
  idempotency_keys: {
    /** A hash of the key and of whose it is. */
    scope: string
    act_id: string
    request_hash: string
    begun_at: number
    /** Null until it was answered. */
    status: number | null
    /** Sealed with the key itself, which is kept nowhere. */
    answer: string | null
  }
  bulk_operations: {
    id: string
    organization_id: number
    kind: string
    parameters: string
    /** Null: devices were named, or it undoes another. */
    filter: string | null
    /** The ids of the fleets that may be seen, as JSON; null: all. */
    visible_fleets: string | null
    until_id: number
    /** Written down are devices up to this id, or batches of what is undone up to this number. */
    gathered_id: number
    undoes: string | null
    user_id: number
    user_email: string
    token_id: number | null
    token_fleets: string | null
    state: string
    expected: number | null
    of_count: number
    batch_count: number
    done_count: number
    failed_count: number
    skipped_count: number
    created_at: number
    started_at: number | null
    ended_at: number | null
    leased_by: string | null
    leased_until: number
  }
  bulk_batches: {
    operation_id: string
    number: number
    /** The place of its first device in the selection, from 1. */
    first: number
    /** JSON; empty once the results are there. */
    targets: string
    results: string | null
    failed_count: number
    skipped_count: number
    done_count: number
  }
  /** What somebody looks at again and again: a filter, a search, an order, columns. */
  device_views: {
    id: Generated<number>
    organization_id: number
    slug: string
    name: string
    user_id: number
    /** 0 or 1. */
    shared: number
    filter: string
    q: string
    sort: string
    columns: string
    changed_at: number
  }
  /** What a fleet says about terminals, where it says anything. */
  terminal_policies: {
    fleet_id: number
    recording: string
    kept_days: number
    idle_limit_ms: number
    longest_ms: number
  }
  /** Of terminals; names are as they were then. */
  recordings: {
    id: Generated<number>
    organization_id: number
    fleet_id: number
    fleet: string
    device_id: number
    uuid: string
    device: string
    user_id: number
    user_email: string
    column_count: number
    row_count: number
    started_at: number
    ended_at: number | null
    bytes: number
    cut_by: string | null
    kept_until: number
  }
  /** Whole lines of asciicast; counted from 0. */
  recording_parts: { recording_id: number; part: number; lines: string }
  /** Which port of a device its URL shows, and to whom. */
  device_urls: { device_id: number; port: number; access: string }
  /** What lets a browser in at the URL of one device, by its hash. */
  device_passes: {
    hash: string
    /** A ticket is exchanged for a pass, once. */
    kind: string
    device_id: number
    user_id: number
    organization_id: number
    session_id: number | null
    expires_at: number
  }
}
