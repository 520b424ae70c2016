// One device: how it stands and why, what happens next, what it did during the last day, and what can be
// done about it now. What the live stream says of it is shown within the second.

import '../device.css'
import '../device-course.css'
import '../device-terminal.css'
import '../device-work.css'
import { Button } from '@mantine/core'
import { useDocumentTitle } from '@mantine/hooks'
import type { DeviceView } from '@muster/core/api.ts'
import { quoted } from '@muster/core/device-filter.ts'
import { Refusal } from '@muster/core/errors.ts'
import { statusTokens } from '@muster/core/status-tokens.ts'
import { statuses } from '@muster/core/statuses.ts'
import { Link, useParams } from '@tanstack/react-router'
import { lazy, Suspense, useRef, useState } from 'react'
import { DeviceActions } from '../components/device-actions.tsx'
import { DeviceChanges } from '../components/device-changes.tsx'
import { DeviceChannels } from '../components/device-channels.tsx'
import { DeviceFacts } from '../components/device-facts.tsx'
import { DeviceHealth } from '../components/device-health.tsx'
import { DeviceNote } from '../components/device-note.tsx'
import { Copyable } from '../components/device-parts.tsx'
import { DeviceAudit, DeviceHistory } from '../components/device-past.tsx'
import { DeviceServices } from '../components/device-services.tsx'
import { DeviceStanding } from '../components/device-standing.tsx'
import { DeviceTags } from '../components/device-tags.tsx'
import { DeviceTimeline } from '../components/device-timeline.tsx'
import { DeviceWays } from '../components/device-ways.tsx'
import { Failure, Loading } from '../components/notices.tsx'
import { useDevice } from '../device-queries.ts'
import { useLive, useMuster } from '../muster.tsx'

/** Who opens no terminal does not load one. */
const DeviceTerminal = lazy(async () => ({
  default: (await import('../components/device-terminal.tsx')).DeviceTerminal,
}))

export function Device() {
  const { uuid } = useParams({ from: '/devices/$uuid' })
  const { data, error, refetch, put } = useDevice(uuid)
  if (error instanceof Refusal && error.code === 'device-not-found')
    return <NotThere wasThere={data !== undefined} />
  if (data) return <Summary key={data.uuid} device={data} onDevice={put} />
  return error ? <Failure error={error} retry={() => void refetch()} /> : <Loading />
}

function NotThere({ wasThere }: { wasThere: boolean }) {
  const { words } = useMuster()
  const text = words.devicePage
  useDocumentTitle(`${wasThere ? text.deleted : text.notThere} – ${words.product}`)
  return (
    <div className="notice">
      <h1>{wasThere ? text.deleted : text.notThere}</h1>
      <p>{wasThere ? text.deletedAdvice : text.notThereAdvice}</p>
      <Link to="/devices">{text.toDevices}</Link>
    </div>
  )
}

type Props = { device: DeviceView; onDevice(device: DeviceView): void }

function Summary({ device, onDevice }: Props) {
  const { words } = useMuster()
  const { state } = useLive()
  const { status } = device.status
  const { symbol } = statusTokens[status]
  const { terminal, open, close } = useTerminal()
  const said = words.devicePage.title(device.name, statuses[status].title)
  useDocumentTitle(`${symbol} ${said} – ${words.product}`)
  return (
    <div className="device-page" data-device={device.uuid} data-old={state === 'lost' || undefined}>
      <Head device={device} onDevice={onDevice} onTerminal={() => open(null)} />
      <div className="columns">
        <div className="stacked main-stack">
          <DeviceStanding device={device} />
          <DeviceTimeline device={device} />
          <DeviceHealth device={device} />
          <DeviceServices device={device} onTerminal={open} />
          <DeviceActions device={device} />
        </div>
        <div className="stacked side-stack">
          <DeviceChannels device={device} />
          <DeviceWays device={device} />
          <DeviceNote device={device} onDevice={onDevice} />
          <DeviceTags device={device} onDevice={onDevice} />
          <DeviceFacts device={device} />
        </div>
        <div className="stacked past-stack">
          <DeviceHistory device={device} />
          <DeviceAudit device={device} />
        </div>
      </div>
      {terminal && (
        <Suspense fallback={null}>
          <DeviceTerminal device={device} to={terminal} onClose={close} />
        </Suspense>
      )}
    </div>
  )
}

/** Who closes it is where it was opened again. */
function useTerminal() {
  const [terminal, setTerminal] = useState<{ service: string | null } | null>(null)
  const opener = useRef<Element>(null)
  return {
    terminal,
    open(service: string | null) {
      opener.current = document.activeElement
      setTerminal({ service })
    },
    close() {
      setTerminal(null)
      if (opener.current instanceof HTMLElement) opener.current.focus()
    },
  }
}

function Head({ device, onDevice, onTerminal }: Props & { onTerminal(): void }) {
  const { words } = useMuster()
  const text = words.devicePage
  return (
    <header className="device-head">
      <nav aria-label={text.way}>
        <Link to="/devices">{words.devicesLink}</Link>
        <span aria-hidden="true">/</span>
        <Link to="/devices" search={{ filter: `fleet = ${quoted(device.fleet)}` }}>
          {device.fleet}
        </Link>
      </nav>
      <div className="title-line">
        <h1>{device.name}</h1>
        <Copyable text={device.uuid} shown={device.shortUuid} name={device.uuid} />
        {device.deviceType && <span className="quiet">{device.deviceType}</span>}
        <div className="changes">
          <TerminalButton device={device} onTerminal={onTerminal} />
          <DeviceChanges device={device} onDevice={onDevice} />
        </div>
      </div>
    </header>
  )
}

/** Where it does not work it says why. */
function TerminalButton({ device, onTerminal }: { device: DeviceView; onTerminal(): void }) {
  const { words } = useMuster()
  const text = words.devicePage
  const why =
    device.status.status === 'frozen'
      ? text.terminalFrozen
      : { connected: null, disconnected: text.terminalNeeds, disabled: text.terminalOff }[
          device.cloudlink.state
        ]
  return (
    <>
      {why && (
        <span id="no-terminal" className="quiet">
          {why}
        </span>
      )}
      <Button
        size="xs"
        disabled={why !== null}
        aria-describedby={why ? 'no-terminal' : undefined}
        onClick={onTerminal}
      >
        {text.openTerminal}
      </Button>
    </>
  )
}
