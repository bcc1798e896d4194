import { ProductCopyError } from '../errors.ts'
import type { Database } from '../database.ts'
import type { Outcome, ResultMessage } from '../messages.ts'
import { completeIfDone } from './request-status.ts'
import { isId } from './read-product.ts'

/**
 * Step 6: completes the chunk that a result belongs to, and the request with its last chunk. The
 * same result may come again, and results of other systems' chunks come too: both change nothing.
 *
 * @throws ProductCopyError `unreadable-message` when the result does not fit its chunk
 */
export async function recordResult(
  database: Database,
  result: ResultMessage,
): Promise<'recorded' | 'known' | 'not-ours'> {
  if (!isId(result.requestId)) return 'not-ours'
  const key = { request_id: result.requestId, chunk_no: result.chunkNo }
  const chunk = await database
    .knex('copy_chunk')
    .where(key)
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
    .whereNull('completed_at')
    .update({
      outcomes: JSON.stringify(result.outcomes),
      ...countOutcomes(result.outcomes),
      completed_at: database.dialect.now(),
    })
  await completeIfDone(database, result.requestId)
  return changed === 1 ? 'recorded' : 'known'
}

export type OutcomeCounts = Record<Outcome['outcome'], number>

export function countOutcomes(outcomes: Outcome[]): OutcomeCounts {
  const counts = { created: 0, existing: 0, rejected: 0, failed: 0 }
  for (const { outcome } of outcomes) counts[outcome]++
  return counts
}
