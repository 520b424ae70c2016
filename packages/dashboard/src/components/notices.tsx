// What stands in the place of data: while it is on its way, where there is none, and where it cannot be
// had, with the advice that the registry of errors has for it.

import { Button, Loader } from '@mantine/core'
import { errors, Refusal } from '@muster/core/errors.ts'
import type { ReactNode } from 'react'
import { useMuster } from '../muster.tsx'

export function Loading() {
  const { words } = useMuster()
  return (
    <div className="notice" role="status">
      <Loader size="sm" aria-hidden="true" /> {words.loading}
    </div>
  )
}

export function Nothing({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="notice">
      <h2>{title}</h2>
      {children}
    </div>
  )
}

export function Failure({ error, retry }: { error: unknown; retry?: () => void }) {
  const { words } = useMuster()
  const { title, detail, advice } = describe(error)
  return (
    <div className="notice" role="alert">
      <h2 data-tone="bad">{title}</h2>
      {detail && <p>{detail}</p>}
      {advice && <p>{advice}</p>}
      {retry && (
        <Button variant="default" onClick={retry}>
          {words.again}
        </Button>
      )}
    </div>
  )
}

export function describe(error: unknown): { title: string; detail?: string; advice?: string } {
  if (!(error instanceof Refusal)) return { title: String(error) }
  const { title, advice } = errors[error.code]
  return { title, advice, ...(error.detail ? { detail: error.detail } : {}) }
}
