// The URL of a device in the API: which of its ports is shown under a host name of its own, and to whom.

import { type Static, Type as T } from 'typebox'
import { Nullable } from './schema-parts.ts'

export const deviceUrlAccess = {
  members: 'Members with the right `streams-open` on its fleet.',
  public: 'Everybody who knows the address.',
} as const
export type DeviceUrlAccess = keyof typeof deviceUrlAccess

const Access = T.Unsafe<DeviceUrlAccess>({ type: 'string', enum: Object.keys(deviceUrlAccess) })
const Port = T.Integer({ minimum: 1, maximum: 65_535 })

export const DeviceUrlView = T.Object({
  enabled: T.Boolean(),
  address: Nullable(
    T.String({ description: 'Where it is; null: this server has no domain for it.' }),
  ),
  port: Nullable(Port),
  access: Nullable(Access),
})
export type DeviceUrlView = Static<typeof DeviceUrlView>

export const DeviceUrlChange = T.Object(
  {
    port: { ...Port, description: 'On which the program listens, on the device itself.' },
    access: T.Optional(Access),
  },
  { additionalProperties: false },
)

export const DeviceUrlEnterQuery = T.Object(
  { to: T.Optional(T.String({ maxLength: 2_000, description: 'The path there.' })) },
  { additionalProperties: false },
)
