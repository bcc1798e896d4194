import type { ChunkResult, Database, Transaction } from '../database.ts'
import { ProductCopyError } from '../errors.ts'
import { countOutcomes, isGivenUp, parseResultMessage, writeOutcomes } from '../messages.ts'
import { completeRequests } from './request-status.ts'
import { isId } from '../products/read-product.ts'

/**
 * Reads a result, as far as it is recorded: its outcomes are counted and not held.
 * @throws ProductCopyError `unreadable-message`
 */
export function readResult(body: string): ChunkResult {
  const { message, packed } = parseResultMessage(body)
  const { requestId, chunkNo, chunkHash, outcomes } = message
  return {
    requestId,
    chunkNo,
    contentHash: chunkHash,
    outcomes: writeOutcomes(outcomes, packed),
    items: outcomes.length,
    ...countOutcomes(outcomes),
    // A chunk that was given up may be sent again by hand; its answer is then the one that counts.
    gaveUp: isGivenUp(message),
  }
}

/**
 * Step 6: completes the chunks that results belong to, and each request with its last chunk. The same
 * result may come again, and results of other systems' chunks come too, even under the name of one of
 * ours: they change nothing.
 *
 * @returns the requests of which a chunk was completed; when some of the results change nothing, their
 *   requests may be among them
 * @throws ProductCopyError `unreadable-message` when one does not answer for each item of its chunk;
 *   the others are recorded
 */
export async function recordResults(
  database: Database,
  results: ChunkResult[],
): Promise<Set<string>> {
  const ours = results.filter(({ requestId }) => isId(requestId)).sort(byName)
  if (ours.length === 0) return new Set()
  const requests = new Set(ours.map(({ requestId }) => requestId))
  // One statement: most results come once.
  const completed = await database.inStatement((knex) =>
    database.dialect.completeChunks(knex, ours),
  )
  const late = completed < ours.length ? await recordEach(database, ours) : new Set<string>()
  // Of those that were known too: whoever recorded them may have died before this.
  await completeRequests(database, [...requests])
  return completed > 0 ? requests : late
}

/**
 * One after the other, for a batch with some that change nothing, or with several of one chunk.
 * @returns the requests of which a chunk was completed
 */
function recordEach(database: Database, results: ChunkResult[]): Promise<Set<string>> {
  return database.inTransaction(async (trx) => {
    const recorded = new Set<string>()
    for (const result of results) {
      const completed = await database.dialect.completeChunks(trx, [result])
      if (completed > 0) recorded.add(result.requestId)
      else await checkKnown(trx, result)
    }
    return recorded
  })
}

/** The order in which chunks are locked, where the database keeps to it. */
const byName = (a: ChunkResult, b: ChunkResult): number =>
  a.requestId === b.requestId ? a.chunkNo - b.chunkNo : a.requestId < b.requestId ? -1 : 1

/** @throws ProductCopyError `unreadable-message` when it is of a chunk that has another number of items */
async function checkKnown(trx: Transaction, result: ChunkResult): Promise<void> {
  const { requestId, chunkNo, contentHash, items } = result
  const known = await trx('copy_chunk')
    .where({ request_id: requestId, chunk_no: chunkNo, content_hash: contentHash })
    .first<{ items: number } | undefined>('items')
  if (known && known.items !== items) {
    throw new ProductCopyError(
      'unreadable-message',
      `result ${requestId}:${chunkNo} has ${items} outcomes, its chunk ${known.items} items`,
    )
  }
}
