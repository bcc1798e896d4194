import type { Database } from '../database.ts'
import { ProductCopyError } from '../errors.ts'
import { countOutcomes, isGivenUp, type ResultMessage } from '../messages.ts'
import { completeRequest } from './request-status.ts'
import { isId } from '../products/read-product.ts'

/**
 * Step 6: completes the chunk that a result belongs to, and the request with its last chunk. The
 * same result may come again, and results of other systems' chunks come too, even under the name of
 * one of ours: they change nothing.
 *
 * @throws ProductCopyError `unreadable-message` when it does not answer for each item of its chunk
 */
export async function recordResult(
  database: Database,
  result: ResultMessage,
): Promise<'recorded' | 'known' | 'not-ours'> {
  if (!isId(result.requestId)) return 'not-ours'
  const key = { request_id: result.requestId, chunk_no: result.chunkNo }
  const chunk = await database
    .knex('copy_chunk')
    .where({ ...key, content_hash: result.chunkHash })
    .first<{ items: number } | undefined>('items')
  if (!chunk) return 'not-ours'
  if (chunk.items !== result.outcomes.length) {
    throw new ProductCopyError(
      'unreadable-message',
      `result ${result.eventId} has ${result.outcomes.length} outcomes, its chunk ${chunk.items} items`,
    )
  }
  const changed = await database
    .knex('copy_chunk')
    .where(key)
    .where((open) => {
      void open.whereNull('completed_at')
      // A chunk that was given up may be sent again by hand, and this is its answer.
      if (!isGivenUp(result)) void open.orWhere('failed', chunk.items)
    })
    .update({
      outcomes: JSON.stringify(result.outcomes),
      ...countOutcomes(result.outcomes),
      completed_at: database.dialect.now(),
    })
  await completeRequest(database, result.requestId)
  return changed === 1 ? 'recorded' : 'known'
}
