// The other ways to the device: SSH and tunnels, as commands to copy; and the URL under which a program on
// it is shown, switched on and off here.

import { Button, NativeSelect, TextInput } from '@mantine/core'
import type { DeviceView } from '@muster/core/api.ts'
import {
  type DeviceUrlAccess,
  type DeviceUrlView,
  deviceUrlAccess,
} from '@muster/core/device-url-api.ts'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { deviceKey, followsLive } from '../device-queries.ts'
import { useMuster } from '../muster.tsx'
import { calledOnCommandLine, sshCommand, tunnelCommand } from '../view/device-ways.ts'
import { Copyable, Refused, Section, Waiting } from './device-parts.tsx'

type Props = { device: DeviceView }

export function DeviceWays({ device }: Props) {
  const { words } = useMuster()
  const text = words.devicePage
  const called = calledOnCommandLine(device)
  const why =
    device.status.status === 'frozen'
      ? text.waysFrozen
      : { connected: null, disconnected: text.waysNeed, disabled: text.waysOff }[
          device.cloudlink.state
        ]
  return (
    <Section title={text.ways} name="ways">
      {why && <p data-tone="warn">{why}</p>}
      <div className="way">
        <h3>{text.ssh}</h3>
        <Copyable text={sshCommand(called)} name={text.ssh} />
      </div>
      <Tunnel called={called} />
      <Url device={device} />
    </Section>
  )
}

function Tunnel({ called }: { called: string }) {
  const { words } = useMuster()
  const [port, setPort] = useState('8080')
  const [local, setLocal] = useState('')
  const text = words.devicePage
  const command = tunnelCommand(called, port, local)
  return (
    <div className="way">
      <h3>{text.tunnel}</h3>
      <div className="line">
        <TextInput
          size="xs"
          label={text.portThere}
          inputMode="numeric"
          value={port}
          error={command === null}
          onChange={(event) => setPort(event.currentTarget.value.trim())}
        />
        <TextInput
          size="xs"
          label={text.portHere}
          inputMode="numeric"
          placeholder={port}
          value={local}
          error={command === null}
          onChange={(event) => setLocal(event.currentTarget.value.trim())}
        />
      </div>
      {command ? (
        <Copyable text={command} name={text.tunnel} />
      ) : (
        <p data-tone="bad">{text.noPort}</p>
      )}
    </div>
  )
}

function Url({ device }: Props) {
  const { api, words } = useMuster()
  const { data, error, isPending } = useQuery({
    queryKey: deviceKey(device.uuid, 'url'),
    queryFn: () => api.deviceUrl.read(device.uuid),
    ...followsLive,
  })
  return (
    <div className="way" data-url={data?.enabled ? 'on' : 'off'}>
      <h3>{words.devicePage.url}</h3>
      {isPending && <Waiting />}
      {error && !data && <Refused error={error} />}
      {data &&
        (data.enabled ? (
          <UrlOn device={device} url={data} />
        ) : (
          <UrlOff device={device} url={data} />
        ))}
    </div>
  )
}

type UrlProps = Props & { url: DeviceUrlView }

function UrlOn({ device, url }: UrlProps) {
  const { api, words } = useMuster()
  const queries = useQueryClient()
  const text = words.devicePage
  const queryKey = deviceKey(device.uuid, 'url')
  const turnOff = useMutation({
    mutationFn: () => api.deviceUrl.disable(device.uuid),
    onSuccess: () => queries.invalidateQueries({ queryKey }),
  })
  return (
    <>
      {url.address && (
        <p className="address">
          <a href={url.address} target="_blank" rel="noreferrer">
            {url.address}
          </a>
        </p>
      )}
      <p className="quiet">
        {text.urlShows(url.port ?? 0)} {url.access && deviceUrlAccess[url.access]}
      </p>
      <div className="line">
        <Button
          size="xs"
          variant="default"
          loading={turnOff.isPending}
          onClick={() => turnOff.mutate()}
        >
          {text.urlSwitchOff}
        </Button>
      </div>
      {turnOff.error && <Refused error={turnOff.error} />}
    </>
  )
}

function UrlOff({ device, url }: UrlProps) {
  const { api, words } = useMuster()
  const queries = useQueryClient()
  const text = words.devicePage
  const turnOn = useMutation({
    mutationFn: (asked: { port: number; access: DeviceUrlAccess }) =>
      api.deviceUrl.enable(device.uuid, asked),
    onSuccess: (on) => queries.setQueryData(deviceKey(device.uuid, 'url'), on),
  })
  if (url.address === null) return <p className="quiet">{text.urlNoDomain}</p>
  const send = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const said = new FormData(event.currentTarget)
    turnOn.mutate({ port: Number(said.get('port')), access: said.get('access') as DeviceUrlAccess })
  }
  return (
    <form className="stack" onSubmit={send}>
      <p className="quiet">{text.urlSays}</p>
      <div className="line">
        <TextInput
          size="xs"
          name="port"
          type="number"
          min={1}
          max={65_535}
          label={text.portThere}
          defaultValue={80}
          required
          withAsterisk={false}
        />
        <NativeSelect
          size="xs"
          name="access"
          label={text.urlFor}
          data={(['members', 'public'] as const).map((value) => ({
            value,
            label: text.urlAccess[value],
          }))}
        />
        <Button size="xs" variant="default" type="submit" loading={turnOn.isPending}>
          {text.urlSwitchOn}
        </Button>
      </div>
      {turnOn.error && <Refused error={turnOn.error} />}
    </form>
  )
}
