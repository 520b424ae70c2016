// Streams between replicas. The replica that somebody asks has the one that holds the link ask the
// device; the device dials back to whichever replica the balancer likes; and that one asks the first
// for an invitation, connects to it, and hands on the bytes of the device as they come. Questions and
// answers are a few small messages on the wire between replicas (NATS); bytes never are: they have a
// connection of their own (passages.ts), so a stream that runs does not notice when the wire is away,
// and one that is copied at full speed holds up no news of devices.
//
// What flows says its own ends and resets (stream-line.ts), so between the two connections there is
// nothing to understand: bytes are passed on, and where one connection ends, so does the other.

import { randomBytes } from 'node:crypto'
import type { Duplex } from 'node:stream'
import type { Clock } from '@muster/core/clock.ts'
import type { OpenStream } from '@muster/core/cloudlink-protocol.ts'
import { type ErrorCode, errors, Refusal } from '@muster/core/errors.ts'
import type { Log } from '@muster/core/log.ts'
import type { Invitation, Passages } from './passages.ts'
import type { Wire } from './ports.ts'
import type { DialBack, Joined, Relay, RelayHost } from './streams.ts'

const askSubject = 'streams.ask'
/** An address comes back from a device: whatever it says there names no other subject. */
const subjectOf = (address: string) => `streams.at.${address}`
/** A replica that has the answer gives it at once. */
const answerWithinMs = 2_000
/** The last bytes may be slow; what still stands then is cut. */
const lastBytesMs = 20_000

export type RelayDeps = { wire: Wire; passages: Passages; clock: Clock; log: Log }

type Ask = { from: string; id: string; uuid: string; message: OpenStream }
/** What one replica says to another. */
type Said =
  | { kind: 'told'; id: string; epoch: number }
  | { kind: 'join'; from: string; id: string; dialBack: DialBack }
  | { kind: 'invited'; id: string; invitation: Invitation }
  | { kind: 'refused'; id: string; code: string; detail?: string | undefined }
  | { kind: 'undialled'; dialBack: DialBack; code: string; detail?: string | undefined }
  | { kind: 'apart'; id: string; detail?: string | undefined }

export class StreamRelay implements Relay {
  readonly address = randomBytes(9).toString('base64url')
  readonly #deps: RelayDeps
  readonly #asked = new Map<string, (said: Said | null) => void>()
  /** By the id of their invitation: streams whose connection is on its way here. */
  readonly #awaited = new Map<string, (refusal: Refusal) => void>()
  #host: RelayHost | null = null
  #ends: (() => void)[] = []

  constructor(deps: RelayDeps) {
    this.#deps = deps
  }

  async start(host: RelayHost): Promise<void> {
    const { wire, passages } = this.#deps
    this.#host = host
    await passages.start()
    this.#ends = [
      wire.listen(askSubject, (message) => this.#pass(message as Ask)),
      wire.listen(subjectOf(this.address), (message) => this.#hear(message as Said)),
    ]
  }

  stop(): void {
    for (const end of this.#ends) end()
    this.#deps.passages.stop()
    for (const answer of [...this.#asked.values()]) answer(null)
  }

  async ask(uuid: string, message: OpenStream): Promise<number | null> {
    const said = await this.#question((id) =>
      this.#deps.wire.tell(askSubject, { from: this.address, id, uuid, message } satisfies Ask),
    )
    return said?.kind === 'told' ? said.epoch : null
  }

  async join(address: string, dialBack: DialBack): Promise<Joined> {
    const said = await this.#question((id) =>
      this.#say(address, { kind: 'join', from: this.address, id, dialBack }),
    )
    if (said?.kind === 'refused') throw refusalOf(said)
    if (said?.kind !== 'invited')
      throw new Refusal('replicas-apart', 'the replica that opened it does not answer')
    try {
      const passage = await this.#deps.passages.enter(said.invitation)
      return (socket) => splice(socket, passage, this.#deps.clock)
    } catch (error) {
      const { detail } = error as Refusal
      this.#deps.log.warn({ detail }, 'another replica cannot be reached: MUSTER_REPLICA_ADDRESS')
      this.#say(address, { kind: 'apart', id: said.invitation.id, detail })
      throw error
    }
  }

  giveUp(address: string, dialBack: DialBack, { code, detail }: Refusal): void {
    this.#say(address, { kind: 'undialled', dialBack, code, detail })
  }

  /** Null: nobody answered. Refuses where nobody can be asked. */
  async #question(ask: (id: string) => boolean): Promise<Said | null> {
    const id = randomBytes(9).toString('base64url')
    const { promise, resolve } = Promise.withResolvers<Said | null>()
    this.#asked.set(id, resolve)
    const cancel = this.#deps.clock.after(answerWithinMs, () => resolve(null))
    try {
      if (!ask(id)) throw new Refusal('replicas-apart', 'NATS is away')
      return await promise
    } finally {
      cancel()
      this.#asked.delete(id)
    }
  }

  #say(address: string, said: Said): boolean {
    return this.#deps.wire.tell(subjectOf(address), said)
  }

  #pass({ from, id, uuid, message }: Ask): void {
    // On a wire within one process also whoever asks hears it.
    const epoch = from === this.address ? null : (this.#host?.pass(uuid, message) ?? null)
    if (epoch !== null) this.#say(from, { kind: 'told', id, epoch })
  }

  #hear(said: Said): void {
    if (said.kind === 'join') this.#invite(said.from, said.id, said.dialBack)
    else if (said.kind === 'undialled') this.#host?.giveUp(said.dialBack, refusalOf(said))
    else if (said.kind === 'apart')
      this.#awaited.get(said.id)?.(new Refusal('replicas-apart', said.detail))
    else this.#asked.get(said.id)?.(said)
  }

  /** The device has dialled back to the replica `from`, for a stream that was opened here. */
  #invite(from: string, id: string, dialBack: DialBack): void {
    try {
      const place = this.#host!.redeem(dialBack)
      const giveUp = (refusal: Refusal) => {
        this.#awaited.delete(invitation.id)
        place.giveUp(refusal)
      }
      const invitation = this.#deps.passages.invite(
        (socket) => {
          this.#awaited.delete(invitation.id)
          place.take(socket)
        },
        () => giveUp(new Refusal('replicas-apart', 'the replica with the device did not come')),
      )
      this.#awaited.set(invitation.id, giveUp)
      this.#say(from, { kind: 'invited', id, invitation })
    } catch (error) {
      const { code, detail } = error instanceof Refusal ? error : new Refusal('internal')
      this.#say(from, { kind: 'refused', id, code, detail })
    }
  }
}

function refusalOf({ code, detail }: { code: string; detail?: string | undefined }): Refusal {
  const known = Object.hasOwn(errors, code)
  return new Refusal(known ? (code as ErrorCode) : 'stream-token-refused', detail)
}

/** Passes bytes on, both ways, each no faster than they are taken. */
function splice(one: Duplex, other: Duplex, clock: Clock): void {
  follow(one, other, clock)
  follow(other, one, clock)
  one.pipe(other)
  other.pipe(one)
}

function follow(from: Duplex, to: Duplex, clock: Clock): void {
  const leave = () => {
    to.end()
    // What nobody takes any more is let go, so that its end is seen.
    to.unpipe().resume()
    const cancel = clock.after(lastBytesMs, () => to.destroy())
    if (to.destroyed) cancel()
    else to.once('close', cancel)
  }
  from.on('error', () => from.destroy())
  if (from.destroyed) leave()
  else from.once('close', leave)
}
