// The small parts of the Device Summary page: a section with its title, moments that grow older while one
// looks, texts to copy, and what went wrong where it was tried.

import { type ReactNode, useId, useRef, useState } from 'react'
import { useMuster, useServerNow } from '../muster.tsx'
import { instantText } from '../view/device-columns.ts'
import { momentText, spanText } from '../view/times.ts'
import { describe } from './notices.tsx'

type SectionProps = { title: string; name: string; beside?: ReactNode; children: ReactNode }

export function Section({ title, name, beside, children }: SectionProps) {
  const id = useId()
  return (
    <section className="part" data-part={name} aria-labelledby={id}>
      <div className="part-head">
        <h2 id={id}>{title}</h2>
        {beside}
      </div>
      {children}
    </section>
  )
}

/** `3 min ago`, or `in 42 s`; in full when it is pointed at. */
export function Ago({ at }: { at: number }) {
  const { words } = useMuster()
  const now = useServerNow()
  const text = words.devicePage
  return (
    <Moment at={at}>
      {at <= now ? text.ago(spanText(now - at)) : text.ahead(spanText(at - now))}
    </Moment>
  )
}

/** `14:05:09`, with its date where that is another. */
export function At({ at }: { at: number }) {
  const { api } = useMuster()
  return <Moment at={at}>{momentText(at, api.serverNow())}</Moment>
}

function Moment({ at, children }: { at: number; children: ReactNode }) {
  return (
    <time dateTime={new Date(at).toISOString()} title={instantText(at)}>
      {children}
    </time>
  )
}

/** A text in the form in which it is typed elsewhere, with a button that copies it. */
export function Copyable({
  text,
  name,
  shown = text,
}: {
  text: string
  name: string
  shown?: string
}) {
  const { words, clock } = useMuster()
  const [isCopied, setIsCopied] = useState(false)
  const code = useRef<HTMLElement>(null)
  const copy = async () => {
    // Browsers have no clipboard for pages that came without TLS: then it is ready to be copied by hand.
    if (!navigator.clipboard) return getSelection()?.selectAllChildren(code.current!)
    await navigator.clipboard.writeText(text)
    setIsCopied(true)
    clock.after(1_500, () => setIsCopied(false))
  }
  return (
    <span className="copyable">
      <code ref={code}>{shown}</code>
      <button
        type="button"
        className="plain"
        aria-label={words.devicePage.copy(name)}
        title={words.devicePage.copy(name)}
        onClick={() => void copy()}
      >
        {isCopied ? (
          <span role="status">{words.devicePage.copied}</span>
        ) : (
          <svg className="sheets" viewBox="0 0 16 16" aria-hidden="true">
            <path d="M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3" />
          </svg>
        )}
      </button>
    </span>
  )
}

/** While it is read. */
export function Waiting() {
  const { words } = useMuster()
  return <p className="quiet">{words.loading}…</p>
}

/** What was refused, and what to do about it, where it was asked for. */
export function Refused({ error }: { error: unknown }) {
  const { title, detail, advice } = describe(error)
  return (
    <div className="refused" role="alert">
      <b data-tone="bad">{title}</b>
      {detail && <p>{detail}</p>}
      {advice && <p className="quiet">{advice}</p>}
    </div>
  )
}

export type Fact = { name: string; value: ReactNode; key?: string }

export function Facts({ facts }: { facts: readonly Fact[] }) {
  return (
    <dl className="facts">
      {facts.map(({ name, value, key = name }) => (
        <div key={key}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}
