// 3  chunk messages (PRODUCT_COPY) -> one transaction, a copy_result row for each, which is published (5)
import type { Publisher, Subscription } from '../src/broker.ts'
import {
  answerChunks,
  giveUpChunk,
  readArrived,
  type ArrivedChunk,
} from '../src/copy/answer-chunk.ts'
import { createResultPublisher } from '../src/copy/publish-results.ts'
import { PRODUCT_COPY } from '../src/messages.ts'
import { withDeadLetters, type ConsumerParts } from '../src/platform/with-dead-letters.ts'
import { rememberBrands } from '../src/products/brands.ts'

export const PRODUCT_COPY_GROUP = 'product-copy'

export interface ProductCopyConsumer extends ConsumerParts {
  publisher: Publisher
}

export async function consumeProductCopy(parts: ProductCopyConsumer): Promise<Subscription> {
  const { subscriber, publisher, database, watch, newId } = parts
  const logger = parts.logger.child({ consumer: PRODUCT_COPY_GROUP })
  const brands = rememberBrands(database)
  const results = createResultPublisher(database, publisher)
  const handle = withDeadLetters<ArrivedChunk>({
    ...parts,
    logger,
    read: readArrived,
    async handle(chunks) {
      const names = chunks.map(({ message }) => `${message.requestId}:${message.chunkNo}`)
      logger.debug({ chunks: names }, 'begun')
      const publishing: Promise<void>[] = []
      let written = 0
      try {
        for await (const rows of answerChunks(database, { newId, brands }, chunks)) {
          written += rows.length
          publishing.push(results.publish(rows))
        }
      } finally {
        // Nobody waits for the chunks behind his own, nor for those that failed.
        await Promise.all(publishing)
      }
      logger.debug({ chunks: names, written }, 'answered')
    },
    giveUp: (trx, chunk, reason) => giveUpChunk(database, trx, chunk, reason),
  })
  const subscription = await subscriber.subscribe(
    PRODUCT_COPY,
    PRODUCT_COPY_GROUP,
    handle,
    watch.ready,
  )
  return {
    async stop() {
      await subscription.stop()
      await results.stop()
    },
  }
}
