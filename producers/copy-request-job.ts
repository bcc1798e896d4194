// 2  copy_request rows, 20 at a time -> copy_chunk rows -> ordered messages (PRODUCT_COPY)
import type { Publisher } from '../src/broker.ts'
import type { ChunkSettings } from '../src/copy/chunks.ts'
import { expandPage, requestsToExpand } from '../src/copy/expand-request.ts'
import { publishWaiting, type Outbox } from '../src/copy/outbox.ts'
import type { Database } from '../src/database.ts'
import { PRODUCT_COPY } from '../src/messages.ts'
import type { Logger } from '../src/platform/logger.ts'
import { startLoop, type Loop } from '../src/platform/loop.ts'

/** Requests that are taken at a time: one page of each, so that a small one does not wait for a big one. */
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
  const { database, publisher, settings, logger } = parts
  return startLoop('copy-request-job', logger, IDLE_MS, async () => {
    // First what waits already, so that chunks do not pile up faster than the broker takes them.
    const sent = await publishWaiting(database, publisher, OUTBOX, MESSAGES_IN_FLIGHT)
    if (sent === MESSAGES_IN_FLIGHT) return 'worked'
    const requests = await requestsToExpand(database, REQUESTS)
    for (const requestId of requests) await expandPage(database, requestId, settings)
    return sent > 0 || requests.length > 0 ? 'worked' : 'idle'
  })
}
