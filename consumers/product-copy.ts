// 3  chunk message (PRODUCT_COPY) -> one transaction, one copy_result row
import type { Subscription } from '../src/broker.ts'
import { answerChunk, giveUpChunk, type ArrivedChunk } from '../src/copy/answer-chunk.ts'
import { parseChunkMessage, PRODUCT_COPY } from '../src/messages.ts'
import { withDeadLetters, type ConsumerParts } from '../src/platform/with-dead-letters.ts'

export const PRODUCT_COPY_GROUP = 'product-copy'

export function consumeProductCopy(parts: ConsumerParts): Promise<Subscription> {
  const { subscriber, database, watch, newId } = parts
  const logger = parts.logger.child({ consumer: PRODUCT_COPY_GROUP })
  const handle = withDeadLetters<ArrivedChunk>({
    ...parts,
    logger,
    read: ({ body, group }) => ({ message: parseChunkMessage(body), body, group }),
    async handle(chunk) {
      const { requestId, chunkNo, items } = chunk.message
      logger.debug({ requestId, chunkNo, items: items.length }, 'begun')
      const answer = await answerChunk(database, newId, chunk)
      logger.debug({ requestId, chunkNo }, answer)
    },
    giveUp: (trx, chunk, reason) => giveUpChunk(database, trx, chunk, reason),
  })
  return subscriber.subscribe(PRODUCT_COPY, PRODUCT_COPY_GROUP, handle, watch.ready)
}
