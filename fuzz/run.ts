// Lives of a server, each mistreated by a seed until it is over; the first wrong answer ends it all,
// told with what is needed to see it again.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Database } from '../packages/server/src/store/database.ts'
import { type Answer, canary, type House, openFuzzHouse } from './house.ts'
import { createRandom, type Random } from './random.ts'
import { createRequest, type FuzzRequest } from './requests.ts'

export type FuzzOptions = {
  seed: number
  open: () => Promise<Database>
  /** No new life begins after so long, and the last one ends. */
  durationMs: number
  requestsPerLife?: number
}

export type Tally = {
  lives: number
  requests: number
  /** What stayed since the first life. */
  heapGrownBytes: number
  /** Answers by operation and status. */
  answered: Map<string, Map<number, number>>
}

const defaultRequestsPerLife = 3_000
/** What may stay of all lives after the first together, once each server has stopped. */
const maxHeapGrowthBytes = 64 * 1024 * 1024
const togetherShare = 0.03

/** Throws at the first wrong answer. */
export async function fuzz({
  seed,
  open,
  durationMs,
  requestsPerLife = defaultRequestsPerLife,
}: FuzzOptions): Promise<Tally> {
  const tally: Tally = { lives: 0, requests: 0, heapGrownBytes: 0, answered: new Map() }
  const endAt = Date.now() + durationMs
  let firstHeapBytes: number | null = null
  while (Date.now() < endAt) {
    const random = createRandom(seed + tally.lives)
    {
      await using house = await openFuzzHouse(open)
      await live(house, random, tally, { endAt, requestsPerLife, seed: seed + tally.lives })
    }
    tally.lives++
    const heapBytes = collectedHeapBytes()
    firstHeapBytes ??= heapBytes
    tally.heapGrownBytes = heapBytes - firstHeapBytes
    if (tally.heapGrownBytes > maxHeapGrowthBytes)
      throw new Error(`seed ${seed}: the heap grew by ${Math.round(tally.heapGrownBytes / 1e6)} MB`)
  }
  return tally
}

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** What is held once all that is garbage has gone. */
function collectedHeapBytes(): number {
  collect()
  return process.memoryUsage().heapUsed
}

type Life = { endAt: number; requestsPerLife: number; seed: number }

async function live(
  house: House,
  random: Random,
  tally: Tally,
  { endAt, requestsPerLife, seed }: Life,
) {
  for (let step = 0; step < requestsPerLife && Date.now() < endAt; step++) {
    const operation = random.pick(house.operations)
    const { world, credentials } = house
    const request = createRequest(operation, world, credentials, random)
    // The same edit from several at once.
    const count = random.chance(togetherShare) ? 4 : 1
    const sent = Array.from({ length: count }, () => house.send(request))
    const answers = await Promise.allSettled(sent)
    for (const answer of answers) {
      const wrong =
        answer.status === 'fulfilled'
          ? await house.wrongWith(answer.value, request)
          : wrongOf(answer.reason)
      if (wrong) throw new Error(tellOf({ seed, step, request, wrong, answer }))
      if (answer.status === 'fulfilled') note(tally, house, request, answer.value)
    }
    if (step % 50 === 0 && !(await house.isWelcome())) return
  }
}

/** A server that has answered "too large" need not read the rest of it. */
function wrongOf(error: NodeJS.ErrnoException): string | null {
  return error.code === 'ECONNRESET' || error.code === 'EPIPE' ? null : String(error)
}

function note(
  tally: Tally,
  house: House,
  { operation }: FuzzRequest,
  { status, text, body }: Answer,
): void {
  tally.requests++
  const byStatus = tally.answered.get(operation.name) ?? new Map<number, number>()
  tally.answered.set(operation.name, byStatus.set(status, (byStatus.get(status) ?? 0) + 1))
  if (status < 300 && !text.includes(canary)) house.learn(body)
}

function tellOf({
  seed,
  step,
  request,
  wrong,
  answer,
}: {
  seed: number
  step: number
  request: FuzzRequest
  wrong: string
  answer: PromiseSettledResult<Answer>
}): string {
  const { operation, method, path, headers, body } = request
  return [
    `${operation.name}: ${wrong}`,
    `asked: ${method} ${path} ${JSON.stringify(headers).slice(0, 500)} ${body?.slice(0, 1_000) ?? ''}`,
    answer.status === 'fulfilled'
      ? `answered: ${answer.value.status} ${answer.value.text.slice(0, 1_000)}`
      : '',
    `again: npm run fuzz -- --seed ${seed} (request ${step})`,
  ].join('\n')
}
