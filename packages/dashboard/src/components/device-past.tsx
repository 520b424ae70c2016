// What happened to the device, and what people did to it: the transitions that the timeline draws, as a
// table with their reasons, and the entries of the audit log, for those who may read it.

import { Button } from '@mantine/core'
import type { DeviceView, PageOf, TransitionView } from '@muster/core/api.ts'
import type { AuditEntryView } from '@muster/core/audit-api.ts'
import { errors, Refusal } from '@muster/core/errors.ts'
import { statusTokens } from '@muster/core/status-tokens.ts'
import { type Status, statuses } from '@muster/core/statuses.ts'
import { useInfiniteQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { type DevicePart, deviceKey, followsLive } from '../device-queries.ts'
import { useMuster } from '../muster.tsx'
import { auditText } from '../view/device-audit.ts'
import { Ago, At, Refused, Section, Waiting } from './device-parts.tsx'

type Props = { device: DeviceView }

const pageSize = 10

type Asked = { limit: number; cursor?: string | undefined }

/** The pages that were asked for so far, and the way to more. */
function usePast<V>(
  uuid: string,
  part: DevicePart,
  load: (asked: Asked) => AsyncGenerator<PageOf<V>, void, void>,
) {
  const past = useInfiniteQuery({
    queryKey: deviceKey(uuid, part),
    queryFn: async ({ pageParam }): Promise<PageOf<V>> => {
      for await (const page of load({ limit: pageSize, cursor: pageParam ?? undefined }))
        return page
      return { items: [], nextCursor: null }
    },
    initialPageParam: null as string | null,
    getNextPageParam: ({ nextCursor }) => nextCursor,
    ...followsLive,
  })
  return { ...past, items: past.data?.pages.flatMap(({ items }) => items) }
}

type MoreProps = { hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage(): unknown }

function More({ hasNextPage, isFetchingNextPage, fetchNextPage }: MoreProps) {
  const { words } = useMuster()
  if (!hasNextPage) return null
  return (
    <Button
      size="xs"
      variant="default"
      loading={isFetchingNextPage}
      onClick={() => void fetchNextPage()}
    >
      {words.devicePage.older}
    </Button>
  )
}

export function DeviceHistory({ device }: Props) {
  const { api, words } = useMuster()
  const past = usePast(device.uuid, 'history', (asked) => api.devices.history(device.uuid, asked))
  const text = words.devicePage
  return (
    <Section title={text.history} name="history">
      {past.error && !past.items && <Refused error={past.error} />}
      {past.isPending && <Waiting />}
      {past.items?.length === 0 && <p className="quiet">{text.noHistory}</p>}
      {past.items && past.items.length > 0 && (
        <Table heads={[text.when, text.status, text.why, text.channels]} title={text.history}>
          {past.items.map((transition) => (
            <TransitionRow key={transition.id} transition={transition} />
          ))}
        </Table>
      )}
      <More {...past} />
    </Section>
  )
}

function TransitionRow({ transition }: { transition: TransitionView }) {
  const { words } = useMuster()
  const { at, from, to, heartbeat, cloudlink, reasons } = transition
  const text = words.devicePage
  return (
    <tr data-transition={to}>
      <When at={at} />
      <td>
        <Word status={to} />
        {from !== null && from !== to && (
          <span className="quiet"> {text.before(statuses[from].title)}</span>
        )}
      </td>
      <td>{reasons.map(({ title }) => title).join('. ')}</td>
      <td className="quiet">
        {text.heartbeat} {heartbeat}, {text.cloudlink} {cloudlink}
      </td>
    </tr>
  )
}

function Word({ status }: { status: Status }) {
  const { tone, symbol } = statusTokens[status]
  return (
    <span data-tone={tone}>
      <span aria-hidden="true">{symbol}</span> {statuses[status].title}
    </span>
  )
}

export function DeviceAudit({ device }: Props) {
  const { api, words } = useMuster()
  const target = `device ${device.uuid}`
  const past = usePast(device.uuid, 'audit', (asked) => api.audit.pages({ ...asked, target }))
  const text = words.devicePage
  const isForbidden = past.error instanceof Refusal && past.error.code === 'forbidden'
  return (
    <Section title={text.audit} name="audit">
      {isForbidden && <p className="quiet">{text.auditForbidden}</p>}
      {past.error && !isForbidden && !past.items && <Refused error={past.error} />}
      {past.isPending && <Waiting />}
      {past.items?.length === 0 && <p className="quiet">{text.noAudit}</p>}
      {past.items && past.items.length > 0 && (
        <Table heads={[text.when, text.who, text.what, text.outcome]} title={text.audit}>
          {past.items.map((entry) => (
            <EntryRow key={entry.position} entry={entry} />
          ))}
        </Table>
      )}
      <More {...past} />
    </Section>
  )
}

function EntryRow({ entry }: { entry: AuditEntryView }) {
  const { words } = useMuster()
  const { at, user, operation, detail, outcome, code } = entry
  const text = words.devicePage
  const why = code && Object.hasOwn(errors, code) ? errors[code as keyof typeof errors].title : code
  return (
    <tr>
      <When at={at} />
      <td>{user ?? text.nobody}</td>
      <td>
        <code>{operation}</code> <span className="quiet">{auditText(detail)}</span>
      </td>
      <td data-tone={outcome === 'ok' ? undefined : 'warn'}>
        {text.outcomes[outcome] ?? outcome}
        {why && `: ${why}`}
      </td>
    </tr>
  )
}

function When({ at }: { at: number }) {
  return (
    <td>
      <At at={at} />{' '}
      <span className="quiet">
        <Ago at={at} />
      </span>
    </td>
  )
}

type TableProps = { heads: readonly string[]; title: string; children: ReactNode }

function Table({ heads, title, children }: TableProps) {
  return (
    <table className="past" aria-label={title}>
      <thead>
        <tr>
          {heads.map((head) => (
            <th key={head} scope="col">
              {head}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  )
}
