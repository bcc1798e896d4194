// 2  copy_request rows, 20 at a time -> copy_chunk rows -> ordered messages (PRODUCT_COPY)
import type { Publisher } from '../src/broker.ts'
import type { ChunkSettings } from '../src/copy/chunks.ts'
import { expandPage, requestsToExpand } from '../src/copy/expand-request.ts'
import { completeRequests } from '../src/copy/request-status.ts'
import { publishWaiting, type Outbox } from '../src/copy/outbox.ts'
import type { Database } from '../src/database.ts'
import { errorText } from '../src/errors.ts'
import { PRODUCT_COPY } from '../src/messages.ts'
import type { Logger } from '../src/platform/logger.ts'
import { startLoop, type Loop } from '../src/platform/loop.ts'

/** Requests that are taken at a time, one page of each in turn. */
const REQUESTS = 20
const MESSAGES_IN_FLIGHT = 64
const IDLE_MS = 100
const OUTBOX: Outbox = { table: 'copy_chunk', mark: 'sent_at', topic: PRODUCT_COPY }

export interface CopyRequestJob {
  database: Database
  publisher: Publisher
  settings: ChunkSettings
  logger: Logger
}

export function startCopyRequestJob(parts: CopyRequestJob): Loop {
  const { database, publisher, logger } = parts
  return startLoop('copy-request-job', logger, IDLE_MS, async () => {
    // First what waits already, so that chunks do not pile up faster than the broker takes them.
    const sent = await publishWaiting(database, publisher, OUTBOX, MESSAGES_IN_FLIGHT)
    if (sent === MESSAGES_IN_FLIGHT) return 'worked'
    await completeRequests(database)
    const { expanded, failure } = await expandRequests(parts)
    if (sent > 0 || expanded > 0) return 'worked'
    // A request that cannot be expanded slows nobody down; left alone, it is tried ever more rarely.
    if (failure) throw failure
    return 'idle'
  })
}

async function expandRequests({ database, settings }: CopyRequestJob) {
  let expanded = 0
  let failure: Error | undefined
  for (const requestId of await requestsToExpand(database, REQUESTS)) {
    try {
      await expandPage(database, requestId, settings)
      expanded++
    } catch (cause) {
      failure = new Error(`request ${requestId} cannot be expanded: ${errorText(cause)}`, { cause })
    }
  }
  return { expanded, failure }
}
