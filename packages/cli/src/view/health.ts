// What a device found when it last examined itself: each check with its result and what was measured,
// then what the bad ones mean and what to do.

import type { FindingView, HealthView } from '@muster/core/health-api.ts'
import type { ExaminationCause } from '@muster/core/health-checks.ts'
import { renderSection } from './card.ts'
import { type Column, renderTable } from './table.ts'
import { type Look, paint, type Tone } from './text.ts'
import { relativeText } from './time.ts'

const results: Record<FindingView['result'], { word: string; tone: Tone }> = {
  ok: { word: 'ok', tone: 'good' },
  warning: { word: 'warning', tone: 'warn' },
  failed: { word: 'failed', tone: 'bad' },
  unknown: { word: 'unknown', tone: 'quiet' },
  'not-here': { word: 'not here', tone: 'quiet' },
}

const causes: Record<ExaminationCause, string> = {
  asked: 'because it was asked to',
  trouble: 'because a channel was in trouble',
  recovery: 'because its channels are well again',
}

export function findingTable(findings: readonly FindingView[], look: Look): string {
  const columns: Column<FindingView>[] = [
    { title: 'CHECK', cell: ({ title }) => title },
    {
      title: 'RESULT',
      cell: ({ result }) => [{ text: results[result].word, tone: results[result].tone }],
    },
    { title: 'FAILED AT', cell: ({ step }) => step ?? '', goes: 1 },
    { title: 'FOUND', cell: ({ detail }) => detail, shrinksTo: 20 },
    { title: 'EXAMINES', cell: ({ about }) => about, hidden: true },
  ]
  return renderTable(columns, findings, look)
}

export function healthText({ name, examination }: HealthView, look: Look): string {
  if (!examination) return `${name} has not said yet what it finds on itself; ask it with --run.`
  const { examinedAt, cause, summary, findings } = examination
  const head = `${name} examined itself ${relativeText(examinedAt, look.now)}, ${causes[cause]}: ${summary}.`
  const bad = findings.flatMap(({ title, means, advice, detail }) =>
    means === null
      ? []
      : renderSection(
          title,
          [
            ['found', detail],
            ['means', means],
            ['advice', advice ?? ''],
          ],
          look,
        ),
  )
  const title = paint([{ text: head, tone: 'strong' }], look.colour)
  return [title, '', findingTable(findings, look), ...bad].join('\n')
}
