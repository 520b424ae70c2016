// An HTTP answer as the place where a reader's bytes go. It takes what it is given always, and says when
// it is full, long before Node's own buffers would grow.

import type { ServerResponse } from 'node:http'
import type { Sink } from './stream.ts'

/** Beyond this a reader is waited for. Bytes are shared between readers, so this is seldom its own. */
const maxUnreadBytes = 64 * 1024

export function createSink(raw: ServerResponse): Sink {
  return {
    write(bytes) {
      if (!raw.destroyed) raw.write(bytes)
      return raw.writableLength <= maxUnreadBytes
    },
    drained: () =>
      new Promise((resolve) => {
        if (raw.destroyed || !raw.writableNeedDrain) return resolve()
        const done = () => {
          raw.off('drain', done)
          raw.off('close', done)
          resolve()
        }
        raw.once('drain', done)
        raw.once('close', done)
      }),
    get unreadBytes() {
      return raw.writableLength
    },
    close() {
      // Whoever leaves much unread would not read the end either.
      if (raw.writableLength > maxUnreadBytes) raw.destroy()
      else raw.end()
    },
  }
}
