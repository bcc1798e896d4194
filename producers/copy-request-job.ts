// 2  copy_request rows, 20 at a time -> copy_chunk rows -> ordered messages (PRODUCT_COPY)
import type { Publisher } from '../src/broker.ts'
import type { ChunkSettings } from '../src/copy/chunks.ts'
import { expandPage, requestsToExpand } from '../src/copy/expand-request.ts'
import { completeRequests } from '../src/copy/request-status.ts'
import { publishWaiting, sendOverdueAgain, type Outbox } from '../src/copy/outbox.ts'
import type { Database } from '../src/database.ts'
import { errorText } from '../src/errors.ts'
import { PRODUCT_COPY } from '../src/messages.ts'
import type { DatabaseWatch } from '../src/platform/database-watch.ts'
import type { Logger } from '../src/platform/logger.ts'
import { startLoop, type Loop } from '../src/platform/loop.ts'

/** Requests that are taken at a time, one page of each in turn. */
const REQUESTS = 20
const MESSAGES_IN_FLIGHT = 64
const IDLE_MS = 100
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
  let swept = Number.NEGATIVE_INFINITY
  const sweep = async () => {
    if (performance.now() - swept < SWEEP_MS) return
    swept = performance.now()
    await completeRequests(database)
    const overdue = await sendOverdueAgain(database)
    if (overdue > 0) logger.warn({ chunks: overdue }, 'no answer for long, sending again')
  }
  return startLoop('copy-request-job', { logger, watch, idleMs: IDLE_MS }, async () => {
    // First what waits already, so that chunks do not pile up faster than the broker takes them.
    const sent = await publishWaiting(database, publisher, OUTBOX, MESSAGES_IN_FLIGHT)
    if (sent === MESSAGES_IN_FLIGHT) return 'worked'
    await sweep()
    const { expanded, failure } = await expandRequests(parts)
    if (sent > 0 || expanded > 0) return 'worked'
    // A request that cannot be expanded slows nobody down; left alone, it is tried ever more rarely.
    if (failure) throw failure
    return 'idle'
  })
}

async function expandRequests({ database, settings, announce }: CopyRequestJob) {
  let expanded = 0
  let failure: Error | undefined
  for (const requestId of await requestsToExpand(database, REQUESTS)) {
    try {
      await expandPage(database, requestId, settings)
      announce(requestId)
      expanded++
    } catch (cause) {
      failure = new Error(`request ${requestId} cannot be expanded: ${errorText(cause)}`, { cause })
    }
  }
  return { expanded, failure }
}
