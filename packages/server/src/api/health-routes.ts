// What a device found when it last examined itself, told with what it means and what to do.

import { Refusal } from '@muster/core/errors.ts'
import { HealthView } from '@muster/core/health-api.ts'
import { checks, summaryOf, tellFinding } from '@muster/core/health-checks.ts'
import type { Examination } from '../health/ports.ts'
import { deviceOf } from './admission.ts'
import { DeviceParams } from './device-routes.ts'
import type { Api, ApiDeps } from './door.ts'

export function registerHealth(api: Api, { health, queries }: ApiDeps): void {
  api.get(
    '/devices/:uuid/health',
    {
      config: { right: 'devices-read' },
      schema: {
        tags: ['devices'],
        summary: 'What a device found when it last examined itself, step by step, and what to do',
        params: DeviceParams,
        response: { 200: HealthView },
      },
    },
    async (request): Promise<HealthView> => {
      const { id, uuid } = deviceOf(request)
      const [row, examination] = await Promise.all([queries.loadDeviceRow(uuid), health.load(id)])
      if (!row) throw new Refusal('device-not-found')
      const { name } = row.docket
      return { uuid, name, examination: examination && examinationViewOf(examination) }
    },
  )
}

function examinationViewOf({ findings, ...examination }: Examination) {
  return {
    ...examination,
    summary: summaryOf(findings),
    findings: findings.map((found) => {
      const { title, about } = checks[found.check]
      const { means = null, advice = null } = tellFinding(found) ?? {}
      return { ...found, title, about, means, advice }
    }),
  }
}
