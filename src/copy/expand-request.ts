import type { Database } from '../database.ts'
import { slicesWithin } from '../slices.ts'
import { chunkRows, cutChunks, type ChunkSettings } from './chunks.ts'
import { claimEnd, type OutboxRow } from './outbox.ts'
import { completeRequests, type RequestRow } from './request-status.ts'
import { readSourceProducts } from './source-products.ts'

/**
 * Items of one page: it is held in memory, and a request has no more than two of them on their way, so
 * that what others ask for meanwhile does not wait behind all of it.
 */
const PAGE_ITEMS = { min: 1000, max: 57_600 }
/**
 * Pages that are made at the same time, for each waits for the database and the broker most of the time.
 * They share what a single one would have; of more, and smaller, the chunks would become too small.
 */
export const PAGES_AT_A_TIME = 4
/** So many chunks keep the consumers busy while the next page is made, as long as they are not that large. */
const PAGE_CHUNKS = { count: 256, items: 14_400 }
/**
 * How full a page makes the chunks on average. Keys are not spread quite evenly, and a shard that got
 * a few items more than a chunk holds makes two half-empty ones.
 */
const FILL = 0.9
/** A request begins with a part of a large page, or its consumers would have nothing to do until all of it is made. */
const FIRST_PAGE = 1 / 4
/** What one INSERT has at the most, well below what the databases take in one packet. */
const MAX_INSERT = { count: 1000, bytes: 4 * 1024 * 1024 }

const pageItems = ({ chunkSize, shards }: ChunkSettings): number => {
  const full = Math.floor(chunkSize * shards * FILL)
  const busy = Math.min(chunkSize * PAGE_CHUNKS.count, PAGE_CHUNKS.items)
  return Math.min(Math.max(full, busy, PAGE_ITEMS.min), PAGE_ITEMS.max)
}

/** A request that is not yet wholly in chunks. */
export interface RequestToExpand {
  id: string
  /** Its items that are on their way, without an answer. */
  pending: number
}

/** The first ones with an id above `after`. */
export async function requestsToExpand(
  { knex }: Database,
  after: string,
  limit: number,
): Promise<RequestToExpand[]> {
  const pending = knex.raw(
    `(select sum(copy_chunk.items) from copy_chunk
       where copy_chunk.request_id = copy_request.id and copy_chunk.completed_at is null) as pending`,
  )
  const rows = await knex('copy_request')
    .whereNull('expanded_at')
    .where('id', '>', after)
    .orderBy('id')
    .limit(limit)
    .select<{ id: string; pending: string | null }[]>('id', pending)
  return rows.map((row) => ({ id: row.id, pending: Number(row.pending) }))
}

/** A page that a request may have on its way now. */
export interface NextPage {
  requestId: string
  /** Items at the most. */
  items: number
}

/** The next pages of those requests that have room for one. The more requests, the smaller they are. */
export function nextPages(requests: RequestToExpand[], settings: ChunkSettings): NextPage[] {
  const share = pageItems(settings) / Math.min(requests.length, PAGES_AT_A_TIME)
  const items = Math.max(Math.floor(share), PAGE_ITEMS.min)
  return requests
    .filter(({ pending }) => pending < items)
    .map(({ id }) => ({ requestId: id, items }))
}

/**
 * Puts the next page of a request's source products into chunks. The chunks and how far the request
 * has come are committed together, and a crash between two pages loses and doubles nothing.
 *
 * @returns the chunks, for the caller to publish: they are claimed for it
 */
export async function expandPage(
  database: Database,
  page: NextPage,
  settings: ChunkSettings,
): Promise<OutboxRow[]> {
  const request = await database
    .knex('copy_request')
    .where({ id: page.requestId })
    .whereNull('expanded_at')
    .first<RequestRow | undefined>()
  if (!request) return []
  const brands = JSON.parse(request.target_brands) as string[]
  const size = request.chunks > 0 ? page.items : Math.max(page.items * FIRST_PAGE, PAGE_ITEMS.min)
  const limit = Math.max(1, Math.floor(size / brands.length))
  // Read outside of the transaction: the source may be another system, and no lock waits for it.
  const { products, last } = await readSourceProducts(
    database,
    request.source_brand,
    request.expanded_to_id,
    request.last_source_id,
    limit,
  )
  const copies = { nameTemplate: request.name_template, brands, products }
  const chunks = chunkRows(request, copies, cutChunks(copies, settings), request.chunks + 1)
  const items = products.length * brands.length
  const ended = products.length < limit
  const claim = { claimed_until: claimEnd(database) }
  const moved = await database.inTransaction(async (trx) => {
    const progress = {
      expanded_to_id: products.at(-1)?.id ?? request.expanded_to_id,
      last_source_id: last,
      chunks: request.chunks + chunks.length,
      items: String(BigInt(request.items) + BigInt(items)),
      ...(ended ? { expanded_at: database.dialect.now() } : {}),
    }
    // Another job process may have made this very page; then the request stands elsewhere by now.
    const changed = await trx('copy_request')
      .where({ id: request.id, expanded_to_id: request.expanded_to_id, chunks: request.chunks })
      .whereNull('expanded_at')
      .update(progress)
    if (changed !== 1) return false
    for (const slice of slicesWithin(chunks, ({ body }) => Buffer.byteLength(body), MAX_INSERT)) {
      await trx('copy_chunk').insert(slice.map((row) => ({ ...row, ...claim })))
    }
    return true
  })
  // Otherwise the answer to one of these chunks does it.
  if (ended && chunks.length === 0) await completeRequests(database, [request.id])
  return moved ? chunks : []
}
