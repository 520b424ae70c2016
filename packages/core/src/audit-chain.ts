// The audit log as a chain: the hash of each entry covers its content and the hash before it, so that
// nobody changes, removes, inserts or reorders an entry without every later hash telling. What a chain
// alone cannot show is that its end was cut off, or that all of it was written anew from some entry on;
// a head that was kept elsewhere shows both.
//
// The hash covers the content by a hash of its own. So an export of some entries carries the others as
// that hash alone, and still verifies as a whole. Rejected: a tree of hashes, which proves single
// entries in fewer bytes and is harder to check with a few lines in any language; and signatures, whose
// key would lie beside the log that it protects.

/** SHA-256 in hex; core does no cryptography of its own. */
export type Sha256 = (text: string) => string

export const auditOutcomes = {
  ok: 'It was done.',
  refused: 'It was refused with the code, and nothing was changed.',
  failed: 'It failed with the code; part of it may have been done.',
  unknown: 'It was begun, and the server ended before it was known how it went.',
} as const
export type AuditOutcome = keyof typeof auditOutcomes

/** All that an entry says; its hash covers every field. */
export type AuditContent = {
  /** Of the chain; 0 is the server's own. */
  organizationId: number
  /** 1, 2, 3, … within its chain. */
  position: number
  at: number
  userId: number | null
  /** The e-mail of whoever did it; null: nobody who was known. */
  user: string | null
  role: string | null
  /** What it was done with, such as `session` or `token 7`. */
  credential: string | null
  operation: string
  /** What it was done to, such as `device 1f6c2a9…`. */
  target: string | null
  fleet: string | null
  address: string | null
  client: string | null
  outcome: AuditOutcome
  code: string | null
  detail: Record<string, unknown>
}

export type AuditEntry = AuditContent & { hash: string }
/** An entry that an export leaves out, as its place in the chain. */
export type OmittedEntry = { position: number; contentHash: string }
/** The hash of the chain up to and with that position. */
export type AuditHead = { position: number; hash: string }

/** Before the first entry. */
export const chainStart: AuditHead = { position: 0, hash: '0'.repeat(64) }

/** JSON with the keys of every object in order: the same content is always the same text. */
export function canonicalText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalText).join()}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const fields = Object.entries(value).filter(([, inner]) => inner !== undefined)
  fields.sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${fields.map(([key, inner]) => `${JSON.stringify(key)}:${canonicalText(inner)}`).join()}}`
}

export function contentHashOf(content: AuditContent, sha256: Sha256): string {
  return sha256(canonicalText(content))
}

/** The hash of the entry after `before` with this content. */
export function linkHash(before: AuditHead, contentHash: string, sha256: Sha256): string {
  return sha256(`${before.hash} ${before.position + 1} ${contentHash}`)
}

export function appendEntry(
  before: AuditHead,
  draft: Omit<AuditContent, 'position'>,
  sha256: Sha256,
): AuditEntry {
  const content = { ...draft, position: before.position + 1 }
  return { ...content, hash: linkHash(before, contentHashOf(content, sha256), sha256) }
}

/** A head as one word, to be kept: `organization-position-hash`. */
export function headWord(organizationId: number, { position, hash }: AuditHead): string {
  return `${organizationId}-${position}-${hash}`
}

/** Null: it is not the word of a head. */
export function parseHeadWord(word: string): (AuditHead & { organizationId: number }) | null {
  const match = /^(\d{1,15})-(\d{1,15})-([0-9a-f]{64})$/.exec(word.trim())
  if (!match) return null
  return { organizationId: Number(match[1]), position: Number(match[2]), hash: match[3]! }
}

export const chainFaults = {
  'other-chain': 'belongs to another chain',
  missing: 'is missing: it was removed',
  'out-of-order':
    'stands where an earlier position was already: it was inserted, repeated or moved',
  changed: 'does not match its hash: it, or the entry before it, was changed',
  'cut-off': 'is missing: the end of the log was cut off',
  rewritten: 'is not the one of the head that was kept: the log was written anew',
} as const
export type ChainFaultKind = keyof typeof chainFaults
/** The first entry at which the chain does not hold. */
export type ChainFault = { kind: ChainFaultKind; position: number }

export type ChainCheck = {
  /** The last entry that held. */
  readonly last: AuditHead
  /** Takes the next entry; null: it holds. After a fault nothing more can be said. */
  add(entry: AuditEntry | OmittedEntry): ChainFault | null
  /** Takes what the log says, or said once, of its head; to be asked at the end. */
  end(claimed: AuditHead): ChainFault | null
}

export type ChainCheckOptions = {
  organizationId: number
  /** What the first entry follows: the start, or what retention has left. */
  anchor: AuditHead
  /** Heads that were kept elsewhere: the chain must go through each of them. */
  kept?: readonly AuditHead[]
  sha256: Sha256
}

export function createChainCheck(options: ChainCheckOptions): ChainCheck {
  const { organizationId, anchor, kept = [], sha256 } = options
  let last = anchor
  const contradictsKept = (head: AuditHead) =>
    kept.some(({ position, hash }) => position === head.position && hash !== head.hash)

  return {
    get last() {
      return last
    },
    add(entry) {
      const position = last.position + 1
      if (entry.position > position) return { kind: 'missing', position }
      if (entry.position < position) return { kind: 'out-of-order', position: entry.position }
      if ('hash' in entry && entry.organizationId !== organizationId)
        return { kind: 'other-chain', position }
      const hash = linkHash(last, hashOfContent(entry, sha256), sha256)
      if ('hash' in entry && entry.hash !== hash) return { kind: 'changed', position }
      last = { position, hash }
      return contradictsKept(last) ? { kind: 'rewritten', position } : null
    },
    end(claimed) {
      if (contradictsKept(anchor)) return { kind: 'rewritten', position: anchor.position }
      const furthest = Math.max(claimed.position, ...kept.map(({ position }) => position))
      if (furthest > last.position) return { kind: 'cut-off', position: last.position + 1 }
      if (claimed.position === last.position && claimed.hash !== last.hash)
        return { kind: 'changed', position: last.position }
      return null
    },
  }
}

function hashOfContent(entry: AuditEntry | OmittedEntry, sha256: Sha256): string {
  if (!('hash' in entry)) return entry.contentHash
  const { hash: _, ...content } = entry
  return contentHashOf(content, sha256)
}
