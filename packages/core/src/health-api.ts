// Health checks in the API: what a device says that it found, and how people read it.

import { type Static, Type as T } from 'typebox'
import {
  checkNames,
  checkResults,
  examinationCauses,
  healthLimits,
  wayStepNames,
} from './health-checks.ts'
import { Instant, Nullable, words } from './schema-parts.ts'

const found = {
  check: words(checkNames),
  result: words(checkResults),
  step: Nullable(words(wayStepNames)),
  detail: T.String({ maxLength: healthLimits.detail, description: 'What was measured.' }),
}

/** What a device says of its host: in the body of a request, or over cloudlink. */
export const HealthReportBody = T.Object(
  {
    cause: words(examinationCauses),
    agoMs: T.Integer({ minimum: 0, maximum: healthLimits.agoMs }),
    tookMs: T.Integer({ minimum: 0, maximum: healthLimits.agoMs }),
    findings: T.Array(T.Object(found, { additionalProperties: false }), {
      maxItems: healthLimits.findings,
    }),
  },
  { additionalProperties: false },
)

const FindingView = T.Object({
  ...found,
  step: Nullable(
    T.Unsafe<(typeof wayStepNames)[number]>({
      ...words(wayStepNames),
      description: 'Of the way to the API or of cloudlink: the first step that failed.',
    }),
  ),
  title: T.String(),
  about: T.String({ description: 'What is examined.' }),
  means: Nullable(T.String({ description: 'Null where nothing is wrong.' })),
  advice: Nullable(T.String({ description: 'What to do; null where nothing is wrong.' })),
})
export type FindingView = Static<typeof FindingView>

export const HealthView = T.Object({
  uuid: T.String({ description: 'Of the device.' }),
  name: T.String({ description: 'Of the device.' }),
  examination: Nullable(
    T.Object({
      cause: words(examinationCauses),
      examinedAt: Instant('When the device examined itself, as near as we know.'),
      saidAt: Instant('When it told us.'),
      tookMs: T.Integer({ minimum: 0 }),
      summary: T.String(),
      findings: T.Array(FindingView),
    }),
  ),
})
export type HealthView = Static<typeof HealthView>
