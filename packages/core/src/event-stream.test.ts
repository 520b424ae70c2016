import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Clock } from './clock.ts'
import { Refusal } from './errors.ts'
import {
  type ByteStream,
  createEventParser,
  type Followed,
  followEvents,
  reconnectDelayMs,
} from './event-stream.ts'

const parse = (text: string) => createEventParser().push(text)

describe('the event parser', () => {
  test('joins several data lines with a line feed', () => {
    assert.deepEqual(parse('data: a\ndata:b\ndata:  c\ndata\n\n'), [
      { event: 'message', data: 'a\nb\n c\n', id: '' },
    ])
  })

  test('takes CRLF, LF and CR alike', () => {
    for (const end of ['\r\n', '\n', '\r'])
      assert.deepEqual(
        createEventParser().push(`event: x${end}data: 1${end}${end}data: 2${end}${end}:`),
        [
          { event: 'x', data: '1', id: '' },
          { event: 'message', data: '2', id: '' },
        ],
      )
  })

  test('passes over comments, fields that it does not know, and events without data', () => {
    assert.deepEqual(parse(': keepalive\n\nevent: x\n\nunknown: 1\ndata: y\n\n'), [
      { event: 'message', data: 'y', id: '' },
    ])
  })

  test('keeps the id for the events that follow, until another one comes', () => {
    const parser = createEventParser('6')
    assert.deepEqual(
      parser.push('data: a\n\nid: 7\ndata: b\n\ndata: c\n\n').map((event) => event.id),
      ['6', '7', '7'],
    )
  })

  test('counts an id only once its event is complete, and also without data', () => {
    const parser = createEventParser()
    parser.push('id: 7\ndata: half')
    assert.equal(parser.lastEventId, '')
    parser.push('\n\n')
    assert.equal(parser.lastEventId, '7')
    parser.push('id: 8\n\n')
    assert.equal(parser.lastEventId, '8')
    parser.push('id: a\0b\n\n')
    assert.equal(parser.lastEventId, '8')
  })

  test('takes retry where it is a number, and ignores it otherwise', () => {
    const parser = createEventParser()
    parser.push('retry: 1e3\nretry: -1\nretry:\n')
    assert.equal(parser.retryMs, undefined)
    parser.push('retry: 250\n')
    assert.equal(parser.retryMs, 250)
  })

  test('finds the same events however the text is cut into pieces', () => {
    const line = fc.constantFrom('data: a', 'data:b', 'event: x', 'id: 3', ':c', 'retry: 9', '')
    const text = fc
      .array(fc.tuple(line, fc.constantFrom('\n', '\r\n', '\r')), { maxLength: 30 })
      .map((lines) => `${lines.map(([body, end]) => body + end).join('')}:`)
    fc.assert(
      fc.property(text, fc.array(fc.nat({ max: 200 }), { maxLength: 8 }), (whole, cuts) => {
        const parser = createEventParser()
        const bounds = [0, ...cuts.sort((a, b) => a - b), whole.length]
        const pieces = bounds.slice(1).map((bound, i) => whole.slice(bounds[i], bound))
        assert.deepEqual(
          pieces.flatMap((piece) => parser.push(piece)),
          parse(whole),
        )
      }),
    )
  })
})

test('the delay doubles from its base to 30 s, and half of it is random', () => {
  assert.deepEqual(
    [1, 2, 3, 6, 7, 5000].map((count) => reconnectDelayMs(count, 1000, 1)),
    [1000, 2000, 4000, 30_000, 30_000, 30_000],
  )
  assert.equal(reconnectDelayMs(1, 1000, 0), 500)
})

/** A clock whose waits are over at once, so that a test sees delays without living through them. */
function impatientClock(): Clock & { waitsMs: number[] } {
  const waitsMs: number[] = []
  return {
    waitsMs,
    now: () => 0,
    after(delayMs, run) {
      const timer = setImmediate(() => {
        waitsMs.push(delayMs)
        run()
      })
      return () => clearImmediate(timer)
    },
  }
}

/** The pieces, then the end; or a failure where a piece is an error. */
function bytes(...pieces: (string | Error)[]): ByteStream {
  const encoder = new TextEncoder()
  return {
    getReader: () => ({
      read: async () => {
        const piece = pieces.shift()
        if (piece instanceof Error) throw piece
        return { done: piece === undefined, value: encoder.encode(piece) }
      },
      cancel: async () => {},
    }),
  }
}

async function follow(answers: (ByteStream | Refusal)[], count: number) {
  const askedAfter: string[] = []
  const clock = impatientClock()
  const said: Followed[] = []
  const stream = followEvents({
    clock,
    random: () => 1,
    open: async (lastEventId) => {
      askedAfter.push(lastEventId)
      const answer = answers.shift()!
      if (answer instanceof Refusal) throw answer
      return answer
    },
  })
  for await (const one of stream) if (said.push(one) === count) break
  return { askedAfter, said, waitsMs: clock.waitsMs }
}

describe('following a stream', () => {
  test('resumes after the last complete event, and says what interrupted it', async () => {
    const { askedAfter, said } = await follow(
      [bytes('id: 4\ndata: a\n\nid: 5\ndata: ha'), bytes('data: b\n\n')],
      5,
    )
    assert.deepEqual(askedAfter, ['', '4'])
    assert.deepEqual(
      said.map((one) => (one.kind === 'event' ? one.data : one.kind)),
      ['opened', 'a', 'interrupted', 'opened', 'b'],
    )
  })

  test('waits longer after each failure and anew after something arrived', async () => {
    const down = () => new Refusal('server-unreachable')
    const { waitsMs } = await follow([down(), down(), bytes(':\n'), down(), bytes('data:\n\n')], 8)
    assert.deepEqual(waitsMs, [1000, 2000, 1000, 2000])
  })

  test('waits for as long as the server asks, by retry or by Retry-After', async () => {
    const busy = new Refusal('too-many-requests', undefined, { retryAfterMs: 7_000 })
    const { waitsMs } = await follow([busy, bytes('retry: 50\n\n'), bytes('data:\n\n')], 5)
    assert.deepEqual(waitsMs, [7_000, 50])
  })

  test('ends with a refusal that trying again would not change', async () => {
    await assert.rejects(follow([new Refusal('unauthenticated')], 1), { code: 'unauthenticated' })
  })

  test('takes a stream for dead that is silent for longer than its comments allow', async () => {
    let breakOff = (_: Error) => {}
    const never: ByteStream = {
      getReader: () => ({
        read: () => new Promise((_, reject) => (breakOff = reject)),
        cancel: async () => {},
      }),
    }
    const stream = followEvents({
      clock: impatientClock(),
      random: () => 1,
      open: async (_, signal) => {
        signal.addEventListener('abort', () => breakOff(new Error('aborted')))
        return never
      },
    })
    await stream.next()
    const { value } = await stream.next()
    assert.ok(value?.kind === 'interrupted')
    assert.match(value.refusal.message, /silent for 45 s/)
    await stream.return()
  })

  test('keeps a character whole that arrives in two pieces', async () => {
    const [first, second] = [new Uint8Array([0x64, 0x61, 0x74, 0x61, 0x3a, 0xc3]), [0xa9, 10, 10]]
    const pieces = [first, new Uint8Array(second)]
    const split: ByteStream = {
      getReader: () => ({
        read: async () => ({ done: false, value: pieces.shift() }),
        cancel: async () => {},
      }),
    }
    const { said } = await follow([split], 2)
    assert.deepEqual(said[1], { kind: 'event', event: 'message', data: 'é', id: '' })
  })
})
