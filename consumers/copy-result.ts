// 6  result message (PRODUCT_COPY_RESULT) -> copy_chunk and copy_request are completed
import type { Subscription } from '../src/broker.ts'
import { readResult, recordResults } from '../src/copy/record-result.ts'
import { PRODUCT_COPY_RESULT } from '../src/messages.ts'
import { withDeadLetters, type ConsumerParts } from '../src/platform/with-dead-letters.ts'

export const COPY_RESULT_GROUP = 'copy-result'

export interface CopyResultConsumer extends ConsumerParts {
  /** Tells whoever watches that a request has moved. */
  announce: (requestId: string) => void
}

export function consumeCopyResults(parts: CopyResultConsumer): Promise<Subscription> {
  const { subscriber, database, watch, announce } = parts
  const logger = parts.logger.child({ consumer: COPY_RESULT_GROUP })
  const handle = withDeadLetters({
    ...parts,
    logger,
    read: ({ body }) => readResult(body),
    async handle(results) {
      const recorded = await recordResults(database, results)
      logger.debug({ results: results.length, recorded: [...recorded] }, 'recorded')
      for (const requestId of recorded) announce(requestId)
    },
  })
  return subscriber.subscribe(PRODUCT_COPY_RESULT, COPY_RESULT_GROUP, handle, watch.ready)
}
