// What people noted about the device, for whoever looks at it next. It is written where it is read; what
// somebody else notes meanwhile is shown to whoever is about to overwrite it.

import { Button, Textarea } from '@mantine/core'
import type { DeviceView } from '@muster/core/api.ts'
import { maxNoteLength } from '@muster/core/device-columns.ts'
import { useMutation } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { useMuster } from '../muster.tsx'
import { Refused, Section } from './device-parts.tsx'

type Props = { device: DeviceView; onDevice(device: DeviceView): void }

export function DeviceNote({ device, onDevice }: Props) {
  const { words } = useMuster()
  const [isWritten, setIsWritten] = useState(false)
  const text = words.devicePage
  const edit = (
    <Button size="xs" variant="default" onClick={() => setIsWritten(true)}>
      {text.editNote}
    </Button>
  )
  return (
    <Section title={text.note} name="note" beside={!isWritten && edit}>
      {isWritten ? (
        <Writing
          device={device}
          onDevice={(changed) => {
            onDevice(changed)
            setIsWritten(false)
          }}
          onCancel={() => setIsWritten(false)}
        />
      ) : device.note ? (
        <p className="note">{device.note}</p>
      ) : (
        <p className="quiet">{text.noNote}</p>
      )}
    </Section>
  )
}

function Writing({ device, onDevice, onCancel }: Props & { onCancel(): void }) {
  const { api, words } = useMuster()
  const [before] = useState(device.note)
  const text = words.devicePage
  const save = useMutation({
    mutationFn: (note: string) => api.devices.edit(device.uuid, { note }),
    onSuccess: onDevice,
  })
  const send = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    save.mutate(String(new FormData(event.currentTarget).get('note')).trim())
  }
  return (
    <form className="stack" onSubmit={send}>
      {device.note !== before && <p data-tone="warn">{text.noteChanged(device.note ?? '')}</p>}
      <Textarea
        name="note"
        aria-label={text.note}
        defaultValue={before ?? ''}
        maxLength={maxNoteLength}
        rows={4}
        autoFocus
      />
      <div className="line">
        <Button size="xs" type="submit" loading={save.isPending}>
          {text.saveNote}
        </Button>
        <Button size="xs" variant="default" onClick={onCancel}>
          {words.cancel}
        </Button>
      </div>
      {save.error && <Refused error={save.error} />}
    </form>
  )
}
