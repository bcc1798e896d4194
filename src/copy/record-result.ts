import type { Knex } from 'knex'
import type { Database } from '../database.ts'
import { ProductCopyError } from '../errors.ts'
import { countOutcomes, isGivenUp, type ResultMessage } from '../messages.ts'
import { writeList } from '../packing.ts'
import { completeRequest } from './request-status.ts'
import { isId } from '../products/read-product.ts'

/**
 * Step 6: completes the chunks that results belong to, and each request with its last chunk. The same
 * result may come again, and results of other systems' chunks come too, even under the name of one of
 * ours: they change nothing.
 *
 * @returns the requests of which a chunk was completed
 * @throws ProductCopyError `unreadable-message` when one does not answer for each item of its chunk;
 *   nothing of any is recorded then
 */
export async function recordResults(
  database: Database,
  results: ResultMessage[],
): Promise<Set<string>> {
  const ours = results.filter(({ requestId }) => isId(requestId)).sort(byName)
  const recorded = new Set<string>()
  const record = async (connection: Knex) => {
    recorded.clear()
    for (const result of ours) {
      if (await recordResult(database, connection, result)) recorded.add(result.requestId)
    }
  }
  // One commit for all of them, for each is a write to the disk; of a single one it comes by itself.
  if (ours.length === 1) await record(database.knex)
  else await database.inTransaction(record)
  // Of those that were known too: whoever recorded them may have died before this.
  for (const id of new Set(ours.map(({ requestId }) => requestId))) {
    await completeRequest(database, id)
  }
  return recorded
}

/** The order in which chunks are locked. */
const byName = (a: ResultMessage, b: ResultMessage): number =>
  a.requestId === b.requestId ? a.chunkNo - b.chunkNo : a.requestId < b.requestId ? -1 : 1

/** @returns whether that completed a chunk of ours */
async function recordResult(
  { dialect }: Database,
  connection: Knex,
  result: ResultMessage,
): Promise<boolean> {
  const { requestId, chunkNo, chunkHash, outcomes } = result
  const chunk = connection('copy_chunk').where({ request_id: requestId, chunk_no: chunkNo })
  const changed = await chunk
    .clone()
    .where({ content_hash: chunkHash, items: outcomes.length })
    .where((open) => {
      void open.whereNull('completed_at')
      // A chunk that was given up may be sent again by hand, and this is its answer.
      if (!isGivenUp(result)) void open.orWhere('failed', outcomes.length)
    })
    .update({
      outcomes: writeList(outcomes),
      ...countOutcomes(outcomes),
      completed_at: dialect.now(),
    })
  if (changed === 1) return true
  const known = await chunk.where('content_hash', chunkHash).first<{ items: number }>('items')
  if (known && known.items !== outcomes.length) {
    throw new ProductCopyError(
      'unreadable-message',
      `result ${result.eventId} has ${outcomes.length} outcomes, its chunk ${known.items} items`,
    )
  }
  return false
}
