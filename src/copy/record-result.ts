import type { Database } from '../database.ts'
import { countOutcomes, type ResultMessage } from '../messages.ts'
import { completeRequests } from './request-status.ts'
import { isId } from './read-product.ts'

/**
 * Step 6: completes the chunk that a result belongs to, and the request with its last chunk. The
 * same result may come again, and results of other systems' chunks come too, even under the name of
 * one of ours: they change nothing.
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
    .first<object | undefined>('chunk_no')
  if (!chunk) return 'not-ours'
  const changed = await database
    .knex('copy_chunk')
    .where(key)
    .whereNull('completed_at')
    .update({
      outcomes: JSON.stringify(result.outcomes),
      ...countOutcomes(result.outcomes),
      completed_at: database.dialect.now(),
    })
  await completeRequests(database, result.requestId)
  return changed === 1 ? 'recorded' : 'known'
}
