// A terminal on the device, at the lower edge of its page, so that its status stays in sight. All keys are
// the device's, but one that leads out of it, so that nobody is caught in it.

import '@xterm/xterm/css/xterm.css'
import { Button } from '@mantine/core'
import type { DeviceView } from '@muster/core/api.ts'
import { FitAddon } from '@xterm/addon-fit'
import { Terminal } from '@xterm/xterm'
import { type FormEvent, useEffect, useRef, useState } from 'react'
import { useMuster } from '../muster.tsx'
import { type LineState, openTerminalLine } from '../terminal-line.ts'
import { createTerminalPage } from '../terminal-page.ts'
import type { Words } from '../words.ts'

/** Where a terminal leads. */
export type TerminalTo = { service: string | null }

type Props = { device: DeviceView; to: TerminalTo; onClose(): void }
type Session = { user: string; number: number }

const usual = 'root'
const fonts = 'ui-monospace, "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace'
const colours = { background: '#16171a', foreground: '#e6e7e9', cursor: '#e6e7e9' }

export function DeviceTerminal({ device, to, onClose }: Props) {
  const { words } = useMuster()
  const [session, setSession] = useState<Session>({ user: usual, number: 0 })
  const [state, setState] = useState<LineState>({ kind: 'opening' })
  const [isLarge, setIsLarge] = useState(false)
  const [isRead, setIsRead] = useState(false)
  const out = useRef<HTMLButtonElement>(null)
  const text = words.devicePage
  const where = text.terminalAt(session.user, to.service ?? device.name)
  const again = (user = session.user) => setSession({ user, number: session.number + 1 })
  const enter = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    again(String(new FormData(event.currentTarget).get('user')))
  }
  return (
    <section
      className="dock"
      data-large={isLarge || undefined}
      data-terminal={state.kind}
      aria-label={text.terminalOn(device.name)}
    >
      <div className="dock-head">
        <h2>{where}</h2>
        <p role="status">{stateText(state, words)}</p>
        {!to.service && (
          <form onSubmit={enter}>
            <label>
              {text.user} <input name="user" defaultValue={session.user} size={8} required />
            </label>
          </form>
        )}
        <span className="dock-tools">
          <span className="quiet">{text.leaveHint}</span>
          {state.kind === 'ended' && (
            <Button size="xs" onClick={() => again()}>
              {text.reconnect}
            </Button>
          )}
          <Button
            size="xs"
            variant="default"
            aria-pressed={isRead}
            onClick={() => setIsRead(!isRead)}
          >
            {text.readAloud}
          </Button>
          <Button size="xs" variant="default" onClick={() => setIsLarge(!isLarge)}>
            {isLarge ? text.smaller : text.larger}
          </Button>
          <Button ref={out} size="xs" variant="default" onClick={onClose}>
            {text.close}
          </Button>
        </span>
      </div>
      <Screen
        key={`${session.user} ${session.number} ${to.service}`}
        device={device}
        to={to}
        user={session.user}
        isRead={isRead}
        onState={setState}
        onLeave={() => out.current?.focus()}
      />
    </section>
  )
}

function stateText(state: LineState, words: Words): string {
  const text = words.devicePage
  if (state.kind === 'opening') return text.opening
  if (state.kind === 'open') {
    if (state.recordingEnded) return text.recordingEnded
    return state.notice ?? text.isOpen
  }
  const { title, detail, wasOpen, exit } = state
  const why = title ?? (wasOpen ? text.lineLost : text.lineRefused)
  return [why, detail, exit ? text.exitCode(exit) : null].filter(Boolean).join(' ')
}

type ScreenProps = {
  device: DeviceView
  to: TerminalTo
  user: string
  isRead: boolean
  onState(state: LineState): void
  onLeave(): void
}

function Screen({ device, to, user, isRead, onState, onLeave }: ScreenProps) {
  const place = useRef<HTMLDivElement>(null)
  const shown = useRef<Terminal>(null)
  const events = useRef({ onState, onLeave })
  events.current = { onState, onLeave }
  const { uuid } = device
  const { service } = to
  useEffect(() => {
    const page = createTerminalPage(document)
    const terminal = new Terminal({
      documentOverride: page.document,
      fontFamily: fonts,
      fontSize: 13,
      theme: colours,
      minimumContrastRatio: 4.5,
      scrollback: 5_000,
    })
    const fit = new FitAddon()
    terminal.loadAddon(fit)
    terminal.open(place.current!)
    fit.fit()
    terminal.attachCustomKeyEventHandler((event) => {
      const leaves = event.ctrlKey && event.shiftKey && event.key === 'Enter'
      if (leaves && event.type === 'keydown') events.current.onLeave()
      return !leaves
    })
    const asked = { service, user: service ? null : user }
    const line = openTerminalLine(addressOf(uuid, asked, terminal), {
      show: (bytes) => terminal.write(bytes),
      become: (state) => events.current.onState(state),
    })
    const encoder = new TextEncoder()
    terminal.onData((typed) => line.type(encoder.encode(typed)))
    terminal.onBinary((typed) => line.type(Uint8Array.from(typed, (one) => one.charCodeAt(0))))
    terminal.onResize(({ cols, rows }) => line.resize({ columns: cols, rows }))
    const watch = new ResizeObserver(() => fit.fit())
    watch.observe(place.current!)
    events.current.onState({ kind: 'opening' })
    terminal.focus()
    shown.current = terminal
    return () => {
      watch.disconnect()
      line.close()
      terminal.dispose()
      page.dispose()
    }
  }, [uuid, service, user])
  useEffect(() => {
    if (shown.current) shown.current.options.screenReaderMode = isRead
  }, [isRead])
  return <div ref={place} className="screen" />
}

type Asked = Record<'service' | 'user', string | null>

function addressOf(uuid: string, asked: Asked, { cols, rows }: Terminal): string {
  const url = new URL(`/api/v1/devices/${uuid}/terminal`, location.origin.replace(/^http/, 'ws'))
  url.searchParams.set('columns', String(cols))
  url.searchParams.set('rows', String(rows))
  for (const [name, value] of Object.entries(asked)) if (value) url.searchParams.set(name, value)
  return url.href
}
