// Changes many devices: says first what would come of it and asks, then follows the operation to its end.
// The operation is the server's: it goes on when this program, or the server itself, ends in the middle.
// So Ctrl-C does not mean "abort": on a terminal the person is asked, elsewhere it is left running.

import {
  type BulkOperationView,
  type BulkOrder,
  type BulkPreview,
  bulkKinds,
  carelessDeleteCount,
  hasEnded,
} from '@muster/core/bulk-api.ts'
import { pause } from '@muster/core/clock.ts'
import { errors, exitCodes, Refusal } from '@muster/core/errors.ts'
import type { Context, Session } from './context.ts'
import { Stopped } from './failure.ts'
import type { Progress } from './progress.ts'
import { interruptedExit } from './terminal.ts'
import { bulkLine, countText, failedTable, previewText } from './view/bulk.ts'

export type Changing = {
  dryRun?: true | undefined
  /** False: begin it and leave it running. */
  wait?: boolean | undefined
  yes?: true | undefined
  /** At most so many devices are meant. */
  expect?: number | undefined
}

const askEveryMs = { first: 50, most: 1_000 }
/** A server that is away for longer is given up; the operation goes on when it is back. */
const patienceMs = 60_000
const failedShown = 20

export async function change(
  context: Context,
  session: Session,
  order: BulkOrder,
  { dryRun, wait, yes, expect }: Changing,
): Promise<void> {
  const { api, print, note, look } = session
  const preview = await api.bulk.preview(order)
  if (dryRun) return print(preview, previewText)
  if (preview.count === 0) throw new Refusal('device-not-found', 'none matches')
  if (!yes || preview.wouldFail.length > 0) note(previewText(preview, look()))
  await askFor(context, session, preview, { yes, expect })
  const expected = expect ?? (preview.isExact ? preview.count : undefined)
  const begun = await api.bulk.start({ ...order, expected })
  await follow(context, session, begun, { wait })
}

/** Returns only with a yes; many devices are deleted only by who says how many they are. */
async function askFor(
  { ask, stderr }: Context,
  { confirm }: Session,
  { kind, count, isExact }: BulkPreview,
  { yes, expect }: Changing,
): Promise<void> {
  const many = countText(count, isExact)
  if (expect !== undefined && count > expect)
    throw new Refusal('bulk-more-than-expected', `${many}, not ${expect}`)
  const isDear = kind === 'delete' && (count > carelessDeleteCount || !isExact)
  if (!isDear) return confirm(`${bulkKinds[kind].title}: ${many}?`, yes)
  if (expect !== undefined) return confirm(`Delete ${many}?`, yes)
  if (yes || !ask || !isExact)
    throw new Refusal('wrong-usage', `this deletes ${many}; say with --expect how many you mean`)
  const typed = await ask.line(`Delete ${many}? Type how many they are: `)
  if (typed.replaceAll(/[,\s]/g, '') === String(count)) return
  stderr.write('Nothing was changed.\n')
  throw new Stopped(exitCodes.failed)
}

/** Ends with an exit code of its own where not every device has had its turn and succeeded. */
export async function follow(
  context: Context,
  session: Session,
  begun: BulkOperationView,
  { wait = true }: Pick<Changing, 'wait'> = {},
): Promise<void> {
  const { api, note, print, json, look } = session
  if (!hasEnded(begun.state)) note(`Bulk operation ${begun.id}`)
  if (!wait) {
    print(begun, bulkLine)
    return note(`Follow it: muster bulk follow ${begun.id}`)
  }
  const operation = await untilEnded(context, session, begun)
  const { id, state, failedCount, undoable, ofCount, expected } = operation
  if (state === 'refused')
    throw new Refusal('bulk-more-than-expected', `at least ${ofCount}, not ${expected}`)
  print(operation, bulkLine)
  if (failedCount > 0 && !json) {
    const { items } = await firstPage(
      api.bulk.results(id, { outcome: 'failed', limit: failedShown }),
    )
    print(items, () => `\n${failedTable(items, look())}`)
    if (failedCount > items.length)
      note(`${failedCount - items.length} more: muster bulk results ${id} --outcome failed --all`)
  }
  if (undoable) note(`It can be undone: muster bulk undo ${id}`)
  if (state !== 'finished' || failedCount > 0) throw new Stopped(exitCodes.failed)
}

async function firstPage<P>(pages: AsyncIterable<P>): Promise<P> {
  for await (const page of pages) return page
  throw new Error('a list has a first page')
}

async function untilEnded(
  context: Context,
  session: Session,
  begun: BulkOperationView,
): Promise<BulkOperationView> {
  const { clock } = context
  using progress = session.progress(bulkKinds[begun.kind].title)
  let signal = context.interrupted()
  let operation = begun
  let everyMs = askEveryMs.first
  let readAt = clock.now()
  while (!hasEnded(operation.state)) {
    if (signal.aborted) {
      progress.end()
      await abortOrLeave(context, session, operation)
      signal = context.interrupted()
    }
    showIn(progress, operation)
    await pause(clock, everyMs, signal)
    everyMs = Math.min(askEveryMs.most, everyMs * 2)
    const read = await readAgain(session, operation.id, clock.now() - readAt < patienceMs)
    if (read) {
      operation = read
      readAt = clock.now()
    }
  }
  return operation
}

function showIn(progress: Progress, operation: BulkOperationView): void {
  const { state, ofCount, doneCount, failedCount, skippedCount } = operation
  const turns = doneCount + failedCount + skippedCount
  if (state === 'gathering') progress.update(ofCount, null, 'looking which devices match')
  else progress.update(turns, ofCount, failedCount > 0 ? `${failedCount} failed` : undefined)
}

/** Undefined: the server is away for a moment. */
async function readAgain(
  { api }: Session,
  id: string,
  isPatient: boolean,
): Promise<BulkOperationView | undefined> {
  try {
    return await api.bulk.read(id)
  } catch (error) {
    const http = error instanceof Refusal ? errors[error.code].http : 0
    if (isPatient && error instanceof Refusal && (http >= 500 || http === 429)) return undefined
    throw error
  }
}

/** Returns where it is to be followed on: it was aborted, or the person wants to see its end. */
async function abortOrLeave(
  { ask }: Context,
  { api, json, note, print }: Session,
  { id }: BulkOperationView,
): Promise<void> {
  if (ask) {
    const answer = await ask.line(
      'Abort it? Devices that had no turn yet stay as they are. n: go on; Ctrl-C: leave it running. [y/n] ',
    )
    if (!/^y(es)?$/i.test(answer.trim())) return
    try {
      await api.bulk.abort(id)
    } catch (error) {
      // It was quicker.
      if (!(error instanceof Refusal && error.code === 'bulk-ended')) throw error
    }
    return
  }
  if (json) print(await api.bulk.read(id), bulkLine)
  note(`It is left running. Follow it: muster bulk follow ${id}; end it: muster bulk abort ${id}`)
  throw new Stopped(interruptedExit)
}
