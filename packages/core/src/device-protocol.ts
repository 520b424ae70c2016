// What a device and the server say to each other over HTTP: balena-supervisor's protocol, with what
// Muster adds. Schemas here bound and type what our agent sends; the server also accepts the looser
// forms that existing supervisors send, field by field, in device-api.

import { type Static, Type as T } from 'typebox'
import type { ActionOrder } from './actions.ts'
import type { DeviceView } from './api.ts'
import { goodbyeCauses } from './evidence.ts'

export * from './device-wire.ts'

/** `POST /device/register`, JSON or form-urlencoded. Unknown fields are ignored. */
export const RegisterBody = T.Object({
  application: T.Optional(T.Union([T.String({ maxLength: 64 }), T.Integer()])),
  uuid: T.String({ maxLength: 62 }),
  device_type: T.Optional(T.String({ maxLength: 100 })),
  api_key: T.Optional(T.String({ minLength: 16, maxLength: 128 })),
  device_name: T.Optional(T.String({ maxLength: 100 })),
  supervisor_version: T.Optional(T.String({ maxLength: 100 })),
  os_version: T.Optional(T.String({ maxLength: 100 })),
  os_variant: T.Optional(T.String({ maxLength: 100 })),
  mac_address: T.Optional(T.String({ maxLength: 2000 })),
})
export type RegisterBody = Static<typeof RegisterBody>
/** 201. The key is the one that the device chose, or a new one where it chose none. */
export type RegisterAnswer = { id: number; uuid: string; api_key: string }

/** `GET /device/v3/{uuid}/state`; a 304 to the `ETag` means "as before". This request is the heartbeat. */
export type TargetState = {
  [uuid: string]: {
    name: string
    config: Record<string, string>
    apps: Record<string, unknown>
    /** Muster's addition: what waits to be done, each once however often it comes. */
    actions?: ActionOrder[]
  }
}

/**
 * `PATCH /device/v3/state`, keyed by the device's own uuid; only what changed. The names are the
 * protocol's; those after the empty line are Muster's additions. Null clears.
 */
export type Report = {
  status?: string
  os_version?: string | null
  os_variant?: string | null
  supervisor_version?: string | null
  provisioning_progress?: number | null
  provisioning_state?: string | null
  ip_address?: string | null
  mac_address?: string | null
  api_port?: number | null
  cpu_usage?: number | null
  cpu_temp?: number | null
  cpu_id?: string | null
  memory_usage?: number | null
  memory_total?: number | null
  storage_block_device?: string | null
  storage_usage?: number | null
  storage_total?: number | null
  is_undervolted?: boolean | null
  apps?: Record<string, ReportedApp>

  agent_version?: string | null
  architecture?: string | null
  model?: string | null
  kernel?: string | null
  hostname?: string | null
  boot_id?: string | null
  /** The version of Docker Engine; "none". */
  docker?: string | null
  services?: ReportedService[] | null
  uptime_ms?: number | null
}

/** A container that counts as a service. */
export type ReportedService = { name: string; state: string; image: string }

export type ReportedApp = {
  release_uuid?: string | null
  releases?: Record<
    string,
    {
      update_status?: string | null
      services?: Record<
        string,
        { image?: string; status?: string; download_progress?: number | null }
      >
    }
  >
}

/** `POST /device/v1/{uuid}/goodbye`, before a clean shutdown: Disconnected at once. 204. */
export const GoodbyeBody = T.Object(
  {
    cause: T.Unsafe<(typeof goodbyeCauses)[number]>({ type: 'string', enum: [...goodbyeCauses] }),
    by: T.Optional(T.Union([T.String({ maxLength: 200 }), T.Null()])),
    expectedBackMs: T.Optional(
      T.Union([T.Integer({ minimum: 0, maximum: 30 * 86_400_000 }), T.Null()]),
    ),
  },
  { additionalProperties: false },
)
export type GoodbyeBody = Static<typeof GoodbyeBody>

/**
 * `GET /device/v1/{uuid}/status`: what the server thinks of this device, as people see it
 * (a `DeviceView`), and the server's time, so that the device need not trust its own clock.
 */
export type ServerOpinion = { now: number; device: DeviceView }
