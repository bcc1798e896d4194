// 6  result message (PRODUCT_COPY_RESULT) -> copy_chunk and copy_request are completed
import type { Subscriber, Subscription } from '../src/broker.ts'
import { recordResult } from '../src/copy/record-result.ts'
import type { Database, NewId } from '../src/database.ts'
import { parseResultMessage, PRODUCT_COPY_RESULT } from '../src/messages.ts'
import type { Logger } from '../src/platform/logger.ts'
import { withDeadLetters } from '../src/platform/with-dead-letters.ts'

export const COPY_RESULT_GROUP = 'copy-result'

export interface CopyResultConsumer {
  subscriber: Subscriber
  database: Database
  newId: NewId
  logger: Logger
}

export function consumeCopyResults(parts: CopyResultConsumer): Promise<Subscription> {
  const { subscriber, database, newId } = parts
  const logger = parts.logger.child({ consumer: COPY_RESULT_GROUP })
  const handle = withDeadLetters({
    database,
    newId,
    logger,
    read: ({ body }) => parseResultMessage(body),
    async handle(result) {
      const answer = await recordResult(database, result)
      logger.debug({ eventId: result.eventId }, answer)
    },
  })
  return subscriber.subscribe(PRODUCT_COPY_RESULT, COPY_RESULT_GROUP, handle)
}
