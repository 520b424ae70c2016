// What the device reported of its host: measures as bars with their figures, and facts under titles.

import type { DeviceView } from '@muster/core/api.ts'
import { useMuster } from '../muster.tsx'
import { durationText } from '../view/device-columns.ts'
import { hostFactsOf, type Measure, measuresOf } from '../view/device-facts.ts'
import { At, type Fact, Facts, Section } from './device-parts.tsx'

/** From here on a measure asks to be looked at. */
const fullPercent = 90

export function DeviceFacts({ device }: { device: DeviceView }) {
  const { words } = useMuster()
  const { facts } = device
  const text = words.devicePage
  const measures = measuresOf(facts)
  const uptimeMs = facts.uptime_ms
  const told: Fact[] = [
    ...hostFactsOf(facts).map(({ name, title, values }) => ({
      key: name,
      name: title,
      value: values.length === 1 ? values[0] : <Values values={values} />,
    })),
    ...(device.lastAddress
      ? [{ name: text.evidence.lastAddress!, value: device.lastAddress }]
      : []),
    ...(typeof uptimeMs === 'number' ? [{ name: text.uptime, value: durationText(uptimeMs) }] : []),
    { name: text.registered, value: <At at={device.createdAt} /> },
  ]
  return (
    <Section title={text.host} name="facts">
      {measures.length > 0 && (
        <ul className="measures">
          {measures.map((measure) => (
            <MeasureItem key={measure.name} measure={measure} />
          ))}
        </ul>
      )}
      {measures.length === 0 && told.length < 3 && <p className="quiet">{text.noFacts}</p>}
      <Facts facts={told} />
    </Section>
  )
}

function MeasureItem({ measure: { name, text: figure, percent } }: { measure: Measure }) {
  const { words } = useMuster()
  const title = words.devicePage.measures[name] ?? name
  const isFull = percent !== null && percent >= fullPercent
  return (
    <li data-tone={isFull ? 'warn' : undefined}>
      <span className="measure-name">{title}</span>
      {percent !== null && <progress max={100} value={percent} aria-label={title} />}
      <span className="figure">
        {figure}
        {isFull && ` · ${words.devicePage.nearlyFull}`}
      </span>
    </li>
  )
}

function Values({ values }: { values: readonly string[] }) {
  return (
    <ul className="values">
      {values.map((value) => (
        <li key={value}>{value}</li>
      ))}
    </ul>
  )
}
