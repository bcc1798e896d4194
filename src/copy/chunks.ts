import { writeCopies, writeProducts, type Copies } from '../copies.ts'
import { bodyHash, chunkBody } from '../messages.ts'
import { messageGroup } from '../products/message-group.ts'
import { productKey, shardOf } from '../products/product-key.ts'
import { slices, slicesWithin } from '../slices.ts'
import { nameFiller } from './name-template.ts'
import type { RequestRow } from './request-status.ts'

/**
 * Of a chunk's items with the texts of their products, which the consumer has to hold and to give to the database,
 * though in the message each product stands once.
 */
const MAX_ITEMS_BYTES = 2 * 1024 * 1024

/** Some items of a page, by their numbers. */
export interface Chunk {
  /** The message group of their shard. */
  group: string
  items: number[]
}

export interface ChunkSettings {
  /** Items in a chunk at the most: 1 to MAX_CHUNK_SIZE. */
  chunkSize: number
  shards: number
}

/**
 * Sorts the items of a page into the shards of their product keys and cuts each shard into chunks of
 * about equal size: 501 items are 251 and 250 of them, not 500 and a chunk of one.
 */
export function cutChunks(page: Copies, { chunkSize, shards }: ChunkSettings): Chunk[] {
  return sortIntoShards(page, shards).flatMap((items, shard) => {
    const group = messageGroup(shard, shards)
    const size = Math.ceil(items.length / Math.ceil(items.length / chunkSize))
    return [...slices(items, size)].map((some) => ({ group, items: some }))
  })
}

function sortIntoShards({ products, brands, nameTemplate }: Copies, shards: number): number[][] {
  const fill = nameFiller(nameTemplate)
  const sorted = Array.from({ length: shards }, (): number[] => [])
  let item = 0
  // A table of another program's making may hold NULL: that is for the consumer to reject.
  for (const { name, model } of products) {
    for (const brand of brands) {
      sorted[shardOf(productKey(fill(brand, name), String(model)), shards)]!.push(item++)
    }
  }
  return sorted
}

/** A row of copy_chunk as it is recorded. */
export interface ChunkRow {
  request_id: string
  chunk_no: number
  message_group: string
  body: string
  content_hash: string
  items: number
}

/** Makes rows of a page's chunks, numbered from `firstNo`. A chunk with too large items becomes several. */
export function chunkRows(
  request: RequestRow,
  page: Copies,
  chunks: Chunk[],
  firstNo: number,
): ChunkRow[] {
  const texts = writeProducts(page.products)
  const bytes = texts.map((text) => Buffer.byteLength(text))
  const bytesOf = (item: number) => bytes[Math.floor(item / page.brands.length)]!
  const rows: ChunkRow[] = []
  for (const { group, items } of chunks) {
    const max = { count: items.length, bytes: MAX_ITEMS_BYTES }
    for (const some of slicesWithin(items, bytesOf, max)) {
      const chunkNo = firstNo + rows.length
      const body = chunkBody(head(request, chunkNo), writeCopies(page, texts, some))
      rows.push({
        request_id: request.id,
        chunk_no: chunkNo,
        message_group: group,
        body,
        content_hash: bodyHash(body),
        items: some.length,
      })
    }
  }
  return rows
}

const head = (request: RequestRow, chunkNo: number) => ({
  type: 'product-copy' as const,
  version: 1 as const,
  requestId: request.id,
  chunkNo,
  policy: request.policy,
  userId: request.user_id,
  userName: request.user_name,
})
