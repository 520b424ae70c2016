// What the device found when it last examined itself: what is not well first, with what it means and what to
// do about it, and everything that was examined behind it. What a device says of itself is no verdict.

import { Button } from '@mantine/core'
import type { DeviceView } from '@muster/core/api.ts'
import type { FindingView, HealthView } from '@muster/core/health-api.ts'
import { useQuery } from '@tanstack/react-query'
import { deviceKey, followsLive } from '../device-queries.ts'
import { useMuster } from '../muster.tsx'
import { findingTokens, isWell } from '../view/device-health.ts'
import { useRun } from './device-actions.tsx'
import { Ago, Refused, Section, Waiting } from './device-parts.tsx'

type Props = { device: DeviceView }

export function DeviceHealth({ device }: Props) {
  const { api, words } = useMuster()
  const run = useRun(device)
  const { data, error, isPending } = useQuery({
    queryKey: deviceKey(device.uuid, 'health'),
    queryFn: () => api.health.read(device.uuid),
    ...followsLive,
  })
  const text = words.devicePage
  const examine = (
    <Button
      size="xs"
      variant="default"
      loading={run.isPending}
      onClick={() => run.mutate({ kind: 'run-checks' })}
    >
      {text.examine}
    </Button>
  )
  return (
    <Section title={text.health} name="health" beside={examine}>
      {isPending && <Waiting />}
      {error && !data && <Refused error={error} />}
      {run.error && <Refused error={run.error} />}
      {data && !data.examination && <p className="quiet">{text.neverExamined}</p>}
      {data?.examination && <Examination examination={data.examination} />}
    </Section>
  )
}

function Examination({ examination }: { examination: NonNullable<HealthView['examination']> }) {
  const { words } = useMuster()
  const text = words.devicePage
  const { summary, cause, examinedAt, findings } = examination
  const unwell = findings.filter((finding) => !isWell(finding))
  return (
    <>
      <p>
        <b data-tone={unwell.length > 0 ? 'warn' : 'good'}>{summary}</b>{' '}
        <span className="quiet">
          <Ago at={examinedAt} />, {text.examinedBecause[cause]}
        </span>
      </p>
      {unwell.length > 0 && <FindingList findings={unwell} />}
      <details>
        <summary>{text.allFindings(findings.length)}</summary>
        <FindingList findings={findings} />
      </details>
    </>
  )
}

function FindingList({ findings }: { findings: readonly FindingView[] }) {
  const { words } = useMuster()
  const text = words.devicePage
  return (
    <ul className="findings">
      {findings.map(({ check, result, title, about, detail, means, advice }) => (
        <li key={check} data-check={check} data-result={result}>
          <span data-tone={findingTokens[result].tone}>
            <span aria-hidden="true">{findingTokens[result].symbol}</span>{' '}
            {text.findingResults[result]}
          </span>
          <div>
            <b title={about}>{title}</b> <span className="quiet">{detail}</span>
            {means && (
              <p>
                {means} {advice}
              </p>
            )}
          </div>
        </li>
      ))}
    </ul>
  )
}
