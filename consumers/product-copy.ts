// 3  chunk message (PRODUCT_COPY) -> one transaction, one copy_result row
import type { Subscriber, Subscription } from '../src/broker.ts'
import { answerChunk, giveUpChunk, type ArrivedChunk } from '../src/copy/answer-chunk.ts'
import type { Database, NewId } from '../src/database.ts'
import { parseChunkMessage, PRODUCT_COPY } from '../src/messages.ts'
import type { Logger } from '../src/platform/logger.ts'
import { withDeadLetters } from '../src/platform/with-dead-letters.ts'

export const PRODUCT_COPY_GROUP = 'product-copy'

export interface ProductCopyConsumer {
  subscriber: Subscriber
  database: Database
  newId: NewId
  logger: Logger
}

export function consumeProductCopy(parts: ProductCopyConsumer): Promise<Subscription> {
  const { subscriber, database, newId } = parts
  const logger = parts.logger.child({ consumer: PRODUCT_COPY_GROUP })
  const handle = withDeadLetters<ArrivedChunk>({
    database,
    newId,
    logger,
    read: ({ body, group }) => ({ message: parseChunkMessage(body), body, group }),
    async handle(chunk) {
      const answer = await answerChunk(database, newId, chunk)
      const { requestId, chunkNo, items } = chunk.message
      logger.debug({ requestId, chunkNo, items: items.length }, answer)
    },
    giveUp: giveUpChunk,
  })
  return subscriber.subscribe(PRODUCT_COPY, PRODUCT_COPY_GROUP, handle)
}
