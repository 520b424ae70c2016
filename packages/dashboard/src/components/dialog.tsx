// A dialog of the browser itself: it holds the focus, ends with Escape and needs no style that the policy
// of the page would refuse.

import { type ReactNode, useEffect, useRef } from 'react'

type DialogProps = { title: string; onClose(): void; children: ReactNode }

export function Dialog({ title, onClose, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    const element = dialog.current
    element?.showModal()
    return () => element?.close()
  }, [])
  return (
    <dialog ref={dialog} className="dialog" aria-label={title} onCancel={onClose}>
      <div className="dialog-head">
        <h2>{title}</h2>
        <button type="button" aria-label="Close" onClick={onClose}>
          ×
        </button>
      </div>
      {children}
    </dialog>
  )
}
