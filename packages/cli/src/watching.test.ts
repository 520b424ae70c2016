import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  deviceView,
  fleetView,
  lateDevice,
  openRealServer,
  type run,
  serveApi,
  transitionView,
} from './fixtures.ts'
import { frameOf } from './view/screen.ts'

const { uuid } = lateDevice
const transition = `id: 7\nevent: transition\ndata: ${JSON.stringify(transitionView())}\n\n`

/** A watch that is ended once its output matches. */
async function watchUntil(
  start: (world: { signal: AbortSignal; onOutput(text: string): void }) => ReturnType<typeof run>,
  pattern: RegExp,
) {
  const controller = new AbortController()
  let said = ''
  const onOutput = (text: string) => {
    said += text
    if (pattern.test(said)) controller.abort()
  }
  return start({ signal: controller.signal, onOutput })
}

test('in a pipe there is a line per device, then one per change, and Ctrl-C ends it with 130', async () => {
  let readCount = 0
  await using api = await serveApi({
    'GET /devices': () => ({
      body: { items: [readCount++ === 0 ? deviceView() : lateDevice], nextCursor: null },
    }),
    'GET /stream': { events: transition },
  })
  const { exit, out } = await watchUntil(
    (world) => api.run(['device', 'list', '--watch'], world),
    /Reduced Functionality/,
  )
  assert.equal(exit, 130)
  assert.equal(out.trim().split('\n').length, 2)
  assert.match(out, /Operational.*\n.*Reduced Functionality/)
})

test('with --json it is an object a line: what was present, what changed, what is gone', async () => {
  const answers = [
    [fleetView()],
    [fleetView({ deviceCount: 16, statusCounts: { frozen: 16 } })],
    [],
  ]
  await using api = await serveApi({
    'GET /fleets': () => ({ body: { items: answers.shift() ?? [], nextCursor: null } }),
    'GET /stream': { events: transition },
  })
  const first = await watchUntil(
    (world) => api.run(['fleet', 'list', '--watch', '--json'], world),
    /changed/,
  )
  const lines = first.out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.deepEqual(
    lines.map(({ change }) => change),
    ['present', 'changed'],
  )
  assert.deepEqual(lines[1].item.statusCounts, { frozen: 16 })
})

const env = { NO_COLOR: '1' }

test('on a terminal it is drawn in place, and the last view stays when it ends', async () => {
  await using api = await serveApi({
    [`GET /devices/${uuid}`]: { body: lateDevice },
    'GET /stream': { events: transition },
  })
  const { out } = await watchUntil(
    (world) =>
      api.run(['device', 'show', uuid, '--watch'], { ...world, env, columns: 80, rows: 12 }),
    /Live/,
  )
  const [, drawn = '', left = ''] = out
    .replaceAll('\u001b[?1049h', '|')
    .replaceAll('\u001b[?1049l', '|')
    .split('|')
  assert.match(drawn, /Live.*more lines/s)
  assert.match(left, /^quiet-river.*Policy/s)
  assert.ok(out.includes('\u001b[?25h'), 'the cursor is shown again')
})

test('a lost connection is no end: the view stays and says how old it is', async () => {
  let askedCount = 0
  await using api = await serveApi({
    [`GET /devices/${uuid}`]: () =>
      askedCount++ < 2 ? { body: lateDevice } : { problem: 'store-unavailable' },
    'GET /stream': { problem: 'store-unavailable' },
  })
  const { exit, out } = await watchUntil(
    (world) => api.run(['device', 'show', uuid, '--watch'], { ...world, columns: 80 }),
    /Not live: this is .* old/,
  )
  assert.equal(exit, 130)
  assert.match(out, /database cannot be reached.*Trying again/s)
})

test('a frame has the lines that fit and says how many do not', () => {
  assert.equal(frameOf('a\nb\nc', 3).split('\r\n').length, 3)
  assert.match(frameOf('a\nb\nc\nd', 3), /^a.*\r\nb.*\r\n… and 2 more lines/)
})

test('a real server tells a watch of what happens to its fleets', async () => {
  await using server = await openRealServer()
  await server.real.addFleet('kiosks')
  const { uuidOf } = await import('../../server/src/app/fixtures.ts')
  const key = await server.real.addProvisioningKey('kiosks')
  const { out } = await watchUntil((world) => {
    const watching = server.run(['fleet', 'list', '--watch'], {
      signal: world.signal,
      onOutput(text) {
        if (/no devices/.test(text)) void server.real.register(key, { uuid: uuidOf(1), fleet: 1 })
        world.onOutput(text)
      },
    })
    return watching
  }, /Post Provisioning/)
  assert.match(out, /no devices.*1 Post Provisioning/s)
})
