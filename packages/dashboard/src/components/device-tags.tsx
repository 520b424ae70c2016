// The tags of a device: each can be taken off, and one can be set. A key that is there already is given the
// new value.

import { Button, TextInput } from '@mantine/core'
import type { DeviceView } from '@muster/core/api.ts'
import { useMutation } from '@tanstack/react-query'
import { type FormEvent, useRef } from 'react'
import { useMuster } from '../muster.tsx'
import { tagText } from '../view/device-columns.ts'
import { Refused, Section } from './device-parts.tsx'

type Props = { device: DeviceView; onDevice(device: DeviceView): void }

export function DeviceTags({ device, onDevice }: Props) {
  const { api, words } = useMuster()
  const key = useRef<HTMLInputElement>(null)
  const text = words.devicePage
  const change = useMutation({
    mutationFn: (tags: Record<string, string | null>) => api.devices.edit(device.uuid, { tags }),
    onSuccess: onDevice,
  })
  const add = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = event.currentTarget
    const said = new FormData(form)
    const tags = { [String(said.get('key')).trim()]: String(said.get('value')).trim() }
    change.mutate(tags, {
      onSuccess() {
        form.reset()
        key.current?.focus()
      },
    })
  }
  const tags = Object.entries(device.tags)
  return (
    <Section title={text.tags} name="tags">
      {tags.length === 0 && <p className="quiet">{text.noTags}</p>}
      <ul className="tag-list">
        {tags.map((tag) => (
          <li key={tag[0]}>
            <span>{tagText(tag)}</span>
            <button
              type="button"
              className="plain"
              aria-label={text.removeTag(tag[0])}
              onClick={() => change.mutate({ [tag[0]]: null })}
            >
              ×
            </button>
          </li>
        ))}
      </ul>
      <form className="line" onSubmit={add}>
        <TextInput
          ref={key}
          size="xs"
          name="key"
          aria-label={text.tagKey}
          placeholder={text.tagKey}
          required
          maxLength={100}
        />
        <TextInput
          size="xs"
          name="value"
          aria-label={text.tagValue}
          placeholder={text.tagValue}
          maxLength={255}
        />
        <Button size="xs" variant="default" type="submit" loading={change.isPending}>
          {text.setTag}
        </Button>
      </form>
      {change.error && <Refused error={change.error} />}
    </Section>
  )
}
