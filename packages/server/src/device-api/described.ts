// The device protocol as the OpenAPI document says it. What supervisors send is looser than a schema,
// so these describe and do not validate: the routes read their requests themselves, field by field.

import { ActionId, ActionReportBody } from '@muster/core/actions-api.ts'
import { DeviceView, Uuid } from '@muster/core/api.ts'
import { GoodbyeBody, RegisterBody } from '@muster/core/device-protocol.ts'
import { configNames } from '@muster/core/device-wire.ts'
import type { ErrorCode } from '@muster/core/errors.ts'
import { HealthReportBody } from '@muster/core/health-api.ts'
import { Type as T } from 'typebox'
import { booleans, numbers, texts } from './report.ts'

const nullable = (type: string, more: object = {}) =>
  T.Unsafe<unknown>({ type: [type, 'null'], ...more })
const Progress = nullable('number', { minimum: 0, maximum: 100 })
const keyedBy = <S extends Parameters<typeof T.Record>[1]>(schema: S, description?: string) =>
  T.Record(T.String(), schema, description === undefined ? {} : { description })

const Report = T.Partial(
  T.Object({
    ...Object.fromEntries(
      Object.entries(texts).map(([name, maxLength]) => [
        name,
        nullable('string', { description: `Cut off after ${maxLength} characters.` }),
      ]),
    ),
    ...Object.fromEntries([...numbers].map((name) => [name, nullable('number')])),
    ...Object.fromEntries([...booleans].map((name) => [name, nullable('boolean')])),
    provisioning_state: nullable('string', { description: 'The step that is under way.' }),
    provisioning_progress: Progress,
    apps: keyedBy(
      T.Object({
        releases: T.Optional(
          keyedBy(
            T.Object({
              update_status: T.Optional(nullable('string')),
              services: T.Optional(
                keyedBy(T.Object({ download_progress: T.Optional(Progress) }), 'By name.'),
              ),
            }),
            'By uuid.',
          ),
        ),
      }),
      'By uuid.',
    ),
  }),
)

const Params = T.Object({ uuid: Uuid })
const Nothing = (description: string) => T.Unsafe<undefined>({ type: 'null', description })
const device = (...refuses: ErrorCode[]) => ({
  tags: ['device protocol'],
  security: [{ deviceKey: [] }],
  refuses: ['device-key-refused', 'too-many-requests', ...refuses] as const,
})

export const described = {
  register: {
    tags: ['device protocol'],
    security: [{ provisioningKey: [] }],
    refuses: [
      'provisioning-key-refused',
      'forbidden',
      'device-uuid-taken',
      'too-many-requests',
    ] as const,
    summary: 'Register; the answer has the number and the key of the device',
    consumes: ['application/json', 'application/x-www-form-urlencoded'],
    body: RegisterBody,
    response: {
      201: T.Object({ id: T.Integer(), uuid: T.String(), api_key: T.String() }),
      /** What supervisors look for. */
      409: T.String(),
    },
  },
  state: {
    ...device('device-frozen'),
    summary: 'The target state; asking for it is the heartbeat',
    shown: { params: Params },
    response: {
      200: keyedBy(
        T.Object({
          name: T.String(),
          config: keyedBy(T.String(), `Such as ${Object.values(configNames).join(', ')}.`),
          apps: keyedBy(T.Unknown()),
          actions: T.Optional(
            T.Array(T.Unknown(), { description: 'What waits to be done, each once.' }),
          ),
        }),
        'By the uuid of the device.',
      ),
      304: Nothing('As before: `If-None-Match` is the `ETag` of the target state.'),
    },
  },
  report: {
    ...device('invalid-report'),
    summary: 'Report what has changed; answered when it is durable',
    shown: { body: keyedBy(Report, 'By the uuid of the device; null takes a fact back.') },
    response: { 200: Nothing('It was taken.') },
  },
  goodbye: {
    ...device(),
    summary: 'Say goodbye before a clean stop: Disconnected at once',
    shown: { params: Params },
    body: GoodbyeBody,
    response: { 204: Nothing('It was taken.') },
  },
  action: {
    ...device(),
    summary: 'Say how an action goes; saying it again changes nothing',
    params: T.Object({ uuid: Uuid, id: ActionId }),
    body: ActionReportBody,
    response: { 204: Nothing('It is durable.') },
  },
  health: {
    ...device(),
    summary: 'Say what the device found when it examined itself',
    params: T.Object({ uuid: Uuid }),
    body: HealthReportBody,
    response: { 204: Nothing('It is durable.') },
  },
  status: {
    ...device(),
    summary: 'What the server thinks of this device, and the server’s time',
    shown: { params: Params },
    response: { 200: T.Object({ now: T.Integer(), device: DeviceView }) },
  },
}
