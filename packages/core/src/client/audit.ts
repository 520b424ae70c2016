// Calls about the audit log, and the verification of an export, which needs no server.

import type { PageOf } from '../api.ts'
import {
  type AuditEntryView,
  type AuditExportEnd,
  type AuditExportQuery,
  type AuditExportStart,
  type AuditHeadView,
  type AuditQuery,
  auditFormatWord,
} from '../audit-api.ts'
import {
  type AuditEntry,
  type AuditHead,
  type ChainFault,
  createChainCheck,
  type OmittedEntry,
  type Sha256,
} from '../audit-chain.ts'
import { Refusal } from '../errors.ts'
import type { ByteStream } from '../event-stream.ts'
import type { Given, Query } from './calls.ts'

type AuditCalls = {
  call<T>(method: string, path: string): Promise<T>
  pages<V>(path: string, query: Query): AsyncGenerator<PageOf<V>, void, void>
  open(path: string, query: Query): Promise<ByteStream>
}

export function auditCalls({ call, pages, open }: AuditCalls) {
  const logAt = (path: string) => ({
    pages: (query: Given<typeof AuditQuery> = {}) => pages<AuditEntryView>(path, query),
    head: () => call<AuditHeadView>('GET', `${path}/head`),
    /** The file, in pieces of text as they arrive. */
    export: (query: Given<typeof AuditExportQuery> = {}) => textOf(open(`${path}/export`, query)),
  })
  return {
    ...logAt('/audit'),
    /** Of what belongs to no organization, for those who run the server. */
    ofServer: logAt('/server/audit'),
  }
}

async function* textOf(opening: Promise<ByteStream>): AsyncGenerator<string, void, void> {
  const reader = (await opening).getReader()
  const decoder = new TextDecoder()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield decoder.decode(value, { stream: true })
    }
  } finally {
    await reader.cancel()
  }
}

export type Verified = {
  organizationId: number
  anchor: AuditHead
  /** The last entry that holds. */
  last: AuditHead
  entryCount: number
  omittedCount: number
  fault: ChainFault | null
}

/** Reads an export to its end, or to its first fault. Refuses what is no export at all. */
export async function verifyExport(
  pieces: AsyncIterable<string>,
  { sha256, kept = [] }: { sha256: Sha256; kept?: readonly AuditHead[] },
): Promise<Verified> {
  let verified: Verified | null = null
  let check: ReturnType<typeof createChainCheck> | null = null
  let end: AuditHead | null = null
  for await (const line of linesOf(pieces)) {
    const said = parseLine(line)
    if (!check || !verified) {
      const { organizationId, anchor } = startOf(said)
      check = createChainCheck({ organizationId, anchor, kept, sha256 })
      verified = {
        organizationId,
        anchor,
        last: anchor,
        entryCount: 0,
        omittedCount: 0,
        fault: null,
      }
    } else if ('head' in said) end = (said as AuditExportEnd).head
    else {
      const entry = said as AuditEntry | OmittedEntry
      const fault = check.add(entry)
      if (fault) return { ...verified, last: check.last, fault }
      verified.last = check.last
      if ('hash' in entry) verified.entryCount++
      else verified.omittedCount++
    }
  }
  if (!check || !verified) throw new Refusal('invalid-request', 'this is no export of an audit log')
  // Without its last line the file was cut off, after whichever entry.
  const cutOff: ChainFault = { kind: 'cut-off', position: verified.last.position + 1 }
  return { ...verified, fault: end ? check.end(end) : cutOff }
}

function startOf(said: object): AuditExportStart {
  const start = said as Partial<AuditExportStart>
  if (start.chain !== auditFormatWord || !start.anchor)
    throw new Refusal('invalid-request', 'this is no export of an audit log as NDJSON')
  return start as AuditExportStart
}

function parseLine(line: string): object {
  try {
    const said: unknown = JSON.parse(line)
    if (typeof said === 'object' && said !== null) return said
  } catch {}
  // It stands where an entry should, and is none.
  return { position: -1, contentHash: '' }
}

async function* linesOf(pieces: AsyncIterable<string>): AsyncGenerator<string, void, void> {
  let rest = ''
  for await (const piece of pieces) {
    const lines = (rest + piece).split('\n')
    rest = lines.pop()!
    for (const line of lines) if (line !== '') yield line
  }
  if (rest !== '') yield rest
}
