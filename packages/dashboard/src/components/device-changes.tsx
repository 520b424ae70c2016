// What can be changed about a device itself: its name, its fleet, whether it counts, whether it is frozen,
// and whether it is there at all. Each says first what will come of it.

import { Button, NativeSelect, TextInput } from '@mantine/core'
import type { DeviceView } from '@muster/core/api.ts'
import type { DeviceSwitch } from '@muster/core/api-client.ts'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { type FormEvent, type ReactNode, useState } from 'react'
import { useMuster } from '../muster.tsx'
import { Refused } from './device-parts.tsx'
import { Dialog } from './dialog.tsx'

type Props = { device: DeviceView; onDevice(device: DeviceView): void }
type Change = 'rename' | 'move' | 'delete' | DeviceSwitch

export function DeviceChanges({ device, onDevice }: Props) {
  const { words } = useMuster()
  const [change, setChange] = useState<Change | null>(null)
  const text = words.devicePage
  const isFrozen = device.status.reasons.some(({ code }) => code === 'frozen-by-administrator')
  const offered: Change[] = [
    'rename',
    'move',
    device.active ? 'deactivate' : 'activate',
    isFrozen ? 'thaw' : 'freeze',
    'delete',
  ]
  const onClose = () => setChange(null)
  const onDone = (changed: DeviceView) => {
    onDevice(changed)
    onClose()
  }
  return (
    <>
      {offered.map((one) => (
        <Button key={one} size="xs" variant="default" onClick={() => setChange(one)}>
          {text.changes[one].title}
        </Button>
      ))}
      {change && (
        <Dialog title={text.changes[change].of(device.name)} onClose={onClose}>
          {change === 'rename' ? (
            <Rename device={device} onDone={onDone} onClose={onClose} />
          ) : change === 'move' ? (
            <Move device={device} onDone={onDone} onClose={onClose} />
          ) : change === 'delete' ? (
            <Delete device={device} onClose={onClose} />
          ) : (
            <Switch device={device} to={change} onDone={onDone} onClose={onClose} />
          )}
        </Dialog>
      )}
    </>
  )
}

type FormProps = { device: DeviceView; onDone(device: DeviceView): void; onClose(): void }

function Rename({ device, onDone, onClose }: FormProps) {
  const { api, words } = useMuster()
  const rename = useMutation({
    mutationFn: (name: string) => api.devices.edit(device.uuid, { name }),
    onSuccess: onDone,
  })
  const send = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    rename.mutate(String(new FormData(event.currentTarget).get('name')))
  }
  return (
    <form className="stack" onSubmit={send}>
      <TextInput
        name="name"
        label={words.name}
        defaultValue={device.name}
        required
        withAsterisk={false}
        maxLength={100}
        autoFocus
      />
      <Ask name="rename" error={rename.error} isBusy={rename.isPending} onClose={onClose} />
    </form>
  )
}

function Move({ device, onDone, onClose }: FormProps) {
  const { api, words } = useMuster()
  const text = words.devicePage
  const fleets = useQuery({
    queryKey: ['fleet-choice'],
    queryFn: () => api.fleets.page({ limit: 500 }),
  })
  const move = useMutation({
    mutationFn: (fleet: string) => api.devices.edit(device.uuid, { fleet }),
    onSuccess: onDone,
  })
  const others = (fleets.data?.items ?? []).filter(({ slug }) => slug !== device.fleet)
  const send = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    move.mutate(String(new FormData(event.currentTarget).get('fleet')))
  }
  return (
    <form className="stack" onSubmit={send}>
      <p>{text.changes.move.effect}</p>
      {fleets.data && others.length === 0 ? (
        <p className="quiet">{text.noOtherFleet}</p>
      ) : (
        <NativeSelect
          name="fleet"
          label={text.toFleet}
          data={others.map(({ slug, name }) => ({ value: slug, label: name }))}
        />
      )}
      <Ask
        name="move"
        error={move.error}
        isBusy={move.isPending}
        isVain={others.length === 0}
        onClose={onClose}
      />
    </form>
  )
}

function Switch({ device, to, onDone, onClose }: FormProps & { to: DeviceSwitch }) {
  const { api, words } = useMuster()
  const turn = useMutation({
    mutationFn: () => api.devices.switch(device.uuid, to),
    onSuccess: onDone,
  })
  const send = (event: FormEvent) => {
    event.preventDefault()
    turn.mutate()
  }
  return (
    <form className="stack" onSubmit={send}>
      <p>{words.devicePage.changes[to].effect}</p>
      <Ask
        name={to}
        error={turn.error}
        isBusy={turn.isPending}
        isHarm={to === 'freeze' || to === 'deactivate'}
        onClose={onClose}
      />
    </form>
  )
}

/** It does not come back, so its name is typed first. */
function Delete({ device, onClose }: Pick<FormProps, 'device' | 'onClose'>) {
  const { api, words } = useMuster()
  const navigate = useNavigate()
  const [typed, setTyped] = useState('')
  const text = words.devicePage
  const remove = useMutation({
    mutationFn: () => api.devices.delete(device.uuid),
    onSuccess: () => void navigate({ to: '/devices' }),
  })
  const send = (event: FormEvent) => {
    event.preventDefault()
    remove.mutate()
  }
  return (
    <form className="stack" onSubmit={send}>
      <p>{text.changes.delete.effect}</p>
      <TextInput
        label={text.typeName(device.name)}
        value={typed}
        onChange={(event) => setTyped(event.currentTarget.value)}
        autoFocus
      />
      <Ask
        name="delete"
        error={remove.error}
        isBusy={remove.isPending}
        isVain={typed !== device.name}
        isHarm
        onClose={onClose}
      />
    </form>
  )
}

type AskProps = {
  name: Change
  error: unknown
  isBusy: boolean
  isVain?: boolean
  isHarm?: boolean
  onClose(): void
}

function Ask({
  name,
  error,
  isBusy,
  isVain = false,
  isHarm = false,
  onClose,
}: AskProps): ReactNode {
  const { words } = useMuster()
  return (
    <>
      {error !== null && <Refused error={error} />}
      <div className="line">
        <Button
          type="submit"
          color={isHarm ? 'red.9' : 'blue.9'}
          loading={isBusy}
          disabled={isVain}
        >
          {words.devicePage.changes[name].title}
        </Button>
        <Button variant="default" onClick={onClose}>
          {words.cancel}
        </Button>
      </div>
    </>
  )
}
