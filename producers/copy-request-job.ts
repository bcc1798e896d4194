// 2  copy_request rows, 20 at a time -> copy_chunk rows -> ordered messages (PRODUCT_COPY)
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Publisher } from '../src/broker.ts'
import type { ChunkSettings } from '../src/copy/chunks.ts'
import {
  expandPage,
  nextPages,
  PAGES_AT_A_TIME,
  requestsToExpand,
  type NextPage,
} from '../src/copy/expand-request.ts'
import { completeRequests } from '../src/copy/request-status.ts'
import {
  letGo,
  publishClaimed,
  publishWaiting,
  sendOverdueAgain,
  type Outbox,
  type OutboxRow,
} from '../src/copy/outbox.ts'
import type { Database } from '../src/database.ts'
import { errorText } from '../src/errors.ts'
import { PRODUCT_COPY } from '../src/messages.ts'
import type { DatabaseWatch } from '../src/platform/database-watch.ts'
import type { Logger } from '../src/platform/logger.ts'
import { startLoop, type Loop } from '../src/platform/loop.ts'

/** Requests that are looked at together. Each that has room gets one page, and then the next ones do. */
const REQUESTS = 20
const MESSAGES_IN_FLIGHT = 64
const IDLE_MS = 50
/** How often to look for chunks that were not sent by whoever made them. */
const LEFT_MS = 500
/** How often to look for what a crash has left undone. */
const SWEEP_MS = 5000
const OUTBOX: Outbox = { table: 'copy_chunk', mark: 'sent_at', topic: PRODUCT_COPY }

export interface CopyRequestJob {
  database: Database
  publisher: Publisher
  settings: ChunkSettings
  watch: DatabaseWatch
  /** Tells whoever watches that a request has moved. */
  announce: (requestId: string) => void
  logger: Logger
}

export function startCopyRequestJob(parts: CopyRequestJob): Loop {
  const { database, publisher, watch, logger } = parts
  const sweep = every(SWEEP_MS, async () => {
    await completeRequests(database)
    const overdue = await sendOverdueAgain(database)
    if (overdue > 0) logger.warn({ chunks: overdue }, 'no answer for long, sending again')
    return overdue
  })
  const sendLeft = every(LEFT_MS, () =>
    publishWaiting(database, publisher, OUTBOX, MESSAGES_IN_FLIGHT),
  )
  const expandNext = inTurn(parts)
  return startLoop('copy-request-job', { logger, watch, idleMs: IDLE_MS }, async () => {
    // First what waits already, so that chunks do not pile up faster than the broker takes them.
    const sent = await sendLeft()
    if (sent === MESSAGES_IN_FLIGHT) return 'worked'
    await sweep()
    const { expanded, failure } = await expandNext()
    if (sent > 0 || expanded > 0) return 'worked'
    // A request that cannot be expanded slows nobody down; left alone, it is tried ever more rarely.
    if (failure) throw failure
    return 'idle'
  })
}

/** Does something at the first call and then once in so many milliseconds, as long as it finds nothing to do. */
function every(ms: number, work: () => Promise<number>): () => Promise<number> {
  let last = Number.NEGATIVE_INFINITY
  return async () => {
    if (performance.now() - last < ms) return 0
    const done = await work()
    if (done === 0) last = performance.now()
    return done
  }
}

interface Expanded {
  expanded: number
  failure: Error | undefined
}

/** Each call goes on where the last one ended, and passes over requests that have no room. */
function inTurn(parts: CopyRequestJob): () => Promise<Expanded> {
  let after = '0'
  return async () => {
    let failure: Error | undefined
    do {
      const requests = await requestsToExpand(parts.database, after, REQUESTS)
      after = requests.length < REQUESTS ? '0' : requests.at(-1)!.id
      const done = await expandPages(parts, nextPages(requests, parts.settings))
      if (done.expanded > 0) return done
      failure ??= done.failure
      await nextTurn()
    } while (after !== '0')
    return { expanded: 0, failure }
  }
}

/** @throws when the broker refuses a message, or the database a mark of one that was sent; pages in hand are made, others have their turn later */
async function expandPages(parts: CopyRequestJob, pages: NextPage[]): Promise<Expanded> {
  const { database, settings, announce } = parts
  let expanded = 0
  let failure: Error | undefined
  const expandOne = async (page: NextPage) => {
    let chunks: OutboxRow[]
    try {
      chunks = await expandPage(database, page, settings)
    } catch (cause) {
      const problem = `request ${page.requestId} cannot be expanded: ${errorText(cause)}`
      failure = new Error(problem, { cause })
      return
    }
    announce(page.requestId)
    expanded++
    await send(parts, chunks)
  }
  const left = pages.values()
  const worker = async () => {
    for (const page of left) await expandOne(page)
  }
  const ended = await Promise.allSettled(Array.from({ length: PAGES_AT_A_TIME }, worker))
  for (const one of ended) if (one.status === 'rejected') throw one.reason
  return { expanded, failure }
}

async function send({ database, publisher }: CopyRequestJob, chunks: OutboxRow[]): Promise<void> {
  for (let start = 0; start < chunks.length; start += MESSAGES_IN_FLIGHT) {
    const some = chunks.slice(start, start + MESSAGES_IN_FLIGHT)
    try {
      await publishClaimed(database, publisher, OUTBOX, some)
    } catch (error) {
      await letGo(database, OUTBOX, chunks.slice(start + MESSAGES_IN_FLIGHT))
      throw error
    }
  }
}
