// The line of a terminal to the server: what is typed goes out, what is shown comes in, and how it stands is
// told as it changes. A line that has ended does not begin again: another one is another session.

import {
  type TerminalNews,
  terminalLimits,
  terminalProtocol,
} from '@muster/core/terminal-protocol.ts'

export type LineState =
  | { kind: 'opening' }
  | { kind: 'open'; notice: string | null; recordingEnded: boolean }
  /** `title` null: nothing was said of why. `wasOpen` false: it was refused, or could not be reached. */
  | {
      kind: 'ended'
      wasOpen: boolean
      title: string | null
      detail: string | null
      exit: number | null
    }

export type TerminalLine = {
  type(bytes: Uint8Array): void
  resize(size: { columns: number; rows: number }): void
  close(): void
}

type LineEvents = { show(bytes: Uint8Array): void; become(state: LineState): void }

export function openTerminalLine(url: string, { show, become }: LineEvents): TerminalLine {
  const socket = new WebSocket(url, terminalProtocol)
  socket.binaryType = 'arraybuffer'
  let state: LineState = { kind: 'opening' }
  let closing: Extract<TerminalNews, { type: 'closing' }> | null = null
  let exit: number | null = null
  const turn = (next: LineState) => {
    state = next
    become(next)
  }
  const isOpen = () => state.kind === 'open' && socket.readyState === WebSocket.OPEN

  function hear(news: TerminalNews): void {
    if (news.type === 'opened') turn({ kind: 'open', notice: news.notice, recordingEnded: false })
    if (news.type === 'exit') exit = news.code
    if (news.type === 'closing') closing = news
    if (news.type === 'recording-ended' && state.kind === 'open')
      turn({ ...state, recordingEnded: true })
  }

  socket.addEventListener('message', ({ data }: MessageEvent<string | ArrayBuffer>) => {
    if (typeof data === 'string') hear(JSON.parse(data))
    else show(new Uint8Array(data))
  })
  socket.addEventListener('close', () => {
    const wasOpen = state.kind === 'open'
    turn({
      kind: 'ended',
      wasOpen,
      title: closing?.title ?? null,
      detail: closing?.detail ?? null,
      exit,
    })
  })

  return {
    type(bytes) {
      const { maxFrameBytes } = terminalLimits
      for (let at = 0; at < bytes.length && isOpen(); at += maxFrameBytes)
        socket.send(bytes.slice(at, at + maxFrameBytes))
    },
    resize(size) {
      if (isOpen()) socket.send(JSON.stringify({ type: 'resize', ...size }))
    },
    close: () => socket.close(),
  }
}
