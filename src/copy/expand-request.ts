import type { Database } from '../database.ts'
import { chunkMessage, cutChunks, expandItems, type ChunkSettings } from './chunks.ts'
import { completeIfDone, type RequestRow } from './request-status.ts'
import { messageGroup } from './product-key.ts'
import { readSourceProducts } from './source-products.ts'

/** Items of one page: enough to fill every shard's chunk, few enough to hold in memory. */
const PAGE_ITEMS = { min: 4000, max: 16_000 }

/** The oldest requests that are not yet wholly in chunks. */
export async function requestsToExpand(database: Database, limit: number): Promise<string[]> {
  return database
    .knex('copy_request')
    .whereNull('expanded_at')
    .orderBy('id')
    .limit(limit)
    .pluck<string[]>('id')
}

/**
 * Puts the next page of a request's source products into chunks. The chunks and how far the request
 * has come are committed together, and a crash between two pages loses and doubles nothing.
 */
export async function expandPage(
  database: Database,
  requestId: string,
  settings: ChunkSettings,
): Promise<void> {
  const request = await database
    .knex('copy_request')
    .where({ id: requestId })
    .whereNull('expanded_at')
    .first<RequestRow | undefined>()
  if (!request) return
  const targetBrands = JSON.parse(request.target_brands) as string[]
  const full = settings.chunkSize * settings.shards
  const pageItems = Math.min(Math.max(full, PAGE_ITEMS.min), PAGE_ITEMS.max)
  const limit = Math.max(1, Math.floor(pageItems / targetBrands.length))
  // Read outside of the transaction: the source may be another system, and no lock waits for it.
  const page = await readSourceProducts(
    database,
    request.source_brand,
    request.expanded_to_id,
    request.last_source_id,
    limit,
  )
  const items = expandItems(page.products, targetBrands, request.name_template)
  const chunks = cutChunks(items, settings).map((chunk, index) => {
    const chunkNo = request.chunks + 1 + index
    return {
      request_id: request.id,
      chunk_no: chunkNo,
      message_group: messageGroup(chunk.shard),
      body: JSON.stringify(chunkMessage(request, chunkNo, chunk.items)),
      items: chunk.items.length,
    }
  })
  const ended = page.products.length < limit
  await database.inTransaction(async (trx) => {
    const progress = {
      expanded_to_id: page.products.at(-1)?.id ?? request.expanded_to_id,
      last_source_id: page.last,
      chunks: request.chunks + chunks.length,
      items: String(BigInt(request.items) + BigInt(items.length)),
      ...(ended ? { expanded_at: database.dialect.now() } : {}),
    }
    // Another job process may have made this very page; then the request stands elsewhere by now.
    const moved = await trx('copy_request')
      .where({ id: request.id, expanded_to_id: request.expanded_to_id, chunks: request.chunks })
      .whereNull('expanded_at')
      .update(progress)
    if (moved === 1 && chunks.length > 0) await trx('copy_chunk').insert(chunks)
  })
  if (ended) await completeIfDone(database, request.id)
}
