// Files that a power cut cannot tear: written beside, flushed, renamed over, and the folder flushed, so
// that after any crash the old contents or the new ones are there, whole.

import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

/** Throws what the disk says: full, read-only. The old contents are then untouched. */
export function writeDurably(path: string, contents: string, mode = 0o600): void {
  const beside = `${path}.new`
  try {
    const file = openSync(beside, 'w', mode)
    try {
      const bytes = Buffer.from(contents)
      let writtenBytes = 0
      while (writtenBytes < bytes.length) writtenBytes += writeSync(file, bytes, writtenBytes)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(beside, path)
  } catch (error) {
    rmSync(beside, { force: true })
    throw error
  }
  const folder = openSync(dirname(path), 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}
