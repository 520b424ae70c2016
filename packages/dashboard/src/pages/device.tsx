// One device: how it stands and why, what happens next, what it did during the last day, and what can be
// done about it now. What the live stream says of it is shown within the second.

import '../device.css'
import { useDocumentTitle } from '@mantine/hooks'
import type { DeviceView } from '@muster/core/api.ts'
import { quoted } from '@muster/core/device-filter.ts'
import { Refusal } from '@muster/core/errors.ts'
import { statusTokens } from '@muster/core/status-tokens.ts'
import { statuses } from '@muster/core/statuses.ts'
import { Link, useParams } from '@tanstack/react-router'
import { DeviceChannels } from '../components/device-channels.tsx'
import { Copyable } from '../components/device-parts.tsx'
import { DeviceStanding } from '../components/device-standing.tsx'
import { DeviceTimeline } from '../components/device-timeline.tsx'
import { Failure, Loading } from '../components/notices.tsx'
import { useDevice } from '../device-queries.ts'
import { useLive, useMuster } from '../muster.tsx'

export function Device() {
  const { uuid } = useParams({ from: '/devices/$uuid' })
  const { data, error, refetch } = useDevice(uuid)
  if (error instanceof Refusal && error.code === 'device-not-found')
    return <NotThere wasThere={data !== undefined} />
  if (data) return <Summary key={data.uuid} device={data} />
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

function Summary({ device }: { device: DeviceView }) {
  const { words } = useMuster()
  const { state } = useLive()
  const { status } = device.status
  const { symbol } = statusTokens[status]
  const said = words.devicePage.title(device.name, statuses[status].title)
  useDocumentTitle(`${symbol} ${said} – ${words.product}`)
  return (
    <div className="device-page" data-device={device.uuid} data-old={state === 'lost' || undefined}>
      <Head device={device} />
      <div className="now">
        <DeviceStanding device={device} />
        <DeviceChannels device={device} />
        <DeviceTimeline device={device} />
      </div>
    </div>
  )
}

function Head({ device }: { device: DeviceView }) {
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
      </div>
    </header>
  )
}
