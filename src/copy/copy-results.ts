import type { Database } from '../database.ts'
import { parseChunkMessage, readOutcomes, type Item, type Outcome } from '../messages.ts'

/** One item of a request with what became of it. */
export type ItemResult = {
  /** 1 for the request's first item. */
  item: number
  brand: unknown
  name: unknown
  model: unknown
  sourceProductId: unknown
} & (Outcome | { outcome: 'pending' })

/** A request's items in order, read chunk by chunk: memory does not grow with the request. */
export async function* copyResults(
  database: Database,
  requestId: string,
): AsyncGenerator<ItemResult> {
  let item = 0
  for (let chunkNo = 1; ; chunkNo++) {
    const chunk = await database
      .knex('copy_chunk')
      .where({ request_id: requestId, chunk_no: chunkNo })
      .first<{ body: string; outcomes: string | null } | undefined>('body', 'outcomes')
    if (!chunk) return
    const { items } = parseChunkMessage(chunk.body)
    const outcomes = chunk.outcomes === null ? null : readOutcomes(chunk.outcomes)
    for (const [index, given] of items.entries()) {
      item++
      yield itemResult(item, given, outcomes?.[index] ?? { outcome: 'pending' })
    }
  }
}

function itemResult(
  item: number,
  given: Item,
  outcome: Outcome | { outcome: 'pending' },
): ItemResult {
  const { brand, name, model, sourceProductId } = given
  return { item, brand, name, model, sourceProductId, ...outcome }
}
