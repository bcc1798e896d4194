import { COPY_RESULT_GROUP, consumeCopyResults } from '../consumers/copy-result.ts'
import { PRODUCT_COPY_GROUP, consumeProductCopy } from '../consumers/product-copy.ts'
import { startCopyRequestJob } from '../producers/copy-request-job.ts'
import { startResultRelay } from '../producers/result-relay.ts'
import type { ChunkSettings } from './copy/chunks.ts'
import { forgetInFlight } from './copy/outbox.ts'
import type { Database, NewId } from './database.ts'
import { PRODUCT_COPY, PRODUCT_COPY_RESULT } from './messages.ts'
import type { Logger } from './platform/logger.ts'
import { createMemoryBroker } from './platform/memory-broker.ts'

export interface Parties {
  /** Takes nothing new, finishes what is in hand, and resolves. What waits stays in the database. */
  stop(): Promise<void>
}

export interface PartiesOptions {
  database: Database
  newId: NewId
  settings: ChunkSettings
  logger: Logger
}

/** Starts all parties in this process: steps 2, 3, 5 and 6 of the data path, on the broker in memory. */
export async function startParties(options: PartiesOptions): Promise<Parties> {
  const { database, newId, settings, logger } = options
  const broker = createMemoryBroker({
    topics: { [PRODUCT_COPY]: [PRODUCT_COPY_GROUP], [PRODUCT_COPY_RESULT]: [COPY_RESULT_GROUP] },
  })
  // What the last process's broker held went with it.
  await forgetInFlight(database)
  const subscriptions = [
    await consumeCopyResults({ subscriber: broker, database, newId, logger }),
    await consumeProductCopy({ subscriber: broker, database, newId, logger }),
  ]
  const loops = [
    startResultRelay({ database, publisher: broker, logger }),
    startCopyRequestJob({ database, publisher: broker, settings, logger }),
  ]
  return {
    async stop() {
      const stopping = [...loops, ...subscriptions].map((party) => party.stop())
      // A loop may wait for room in the broker, and ends only when that is refused.
      await broker.close()
      await Promise.all(stopping)
    },
  }
}
