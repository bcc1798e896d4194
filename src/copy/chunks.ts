import { bodyHash, chunkBody, type ChunkMessage, type Item } from '../messages.ts'
import { columnsOf } from '../packing.ts'
import type { RequestRow } from './request-status.ts'
import { nameFiller } from './name-template.ts'
import { messageGroup } from '../products/message-group.ts'
import { productKey, shardOf } from '../products/product-key.ts'
import type { SourceProduct } from './source-products.ts'

/** RocketMQ takes 4 MiB; half of it, before it is packed, is as fast, and kinder to everybody's memory. */
const MAX_ITEMS_BYTES = 2 * 1024 * 1024

export interface Chunk {
  /** The message group of its shard. */
  group: string
  items: Item[]
}

export interface ChunkSettings {
  /** Items in a chunk at the most: 1 to MAX_CHUNK_SIZE. */
  chunkSize: number
  shards: number
}

/** The items of a page of source products: each one for each target brand. */
export function expandItems(
  products: SourceProduct[],
  targetBrands: string[],
  nameTemplate: string,
): Item[] {
  const fill = nameFiller(nameTemplate)
  return products.flatMap((product) =>
    targetBrands.map((brand) => ({
      brand,
      name: fill(brand, product.name),
      model: product.model,
      price: product.price,
      attributes: product.attributes,
      sourceProductId: product.id,
    })),
  )
}

/**
 * Sorts items into the shards of their product keys and cuts each shard into chunks of about equal
 * size: 501 items are 251 and 250 of them, not 500 and a chunk of one.
 */
export function cutChunks(items: Item[], settings: ChunkSettings): Chunk[] {
  const shards = new Map<number, Item[]>()
  for (const item of items) {
    const shard = shardOf(productKey(String(item.name), String(item.model)), settings.shards)
    const list = shards.get(shard)
    if (list) list.push(item)
    else shards.set(shard, [item])
  }
  return [...shards].flatMap(([shard, list]) => {
    const group = messageGroup(shard, settings.shards)
    const size = Math.ceil(list.length / Math.ceil(list.length / settings.chunkSize))
    const chunks: Chunk[] = []
    for (let start = 0; start < list.length; start += size) {
      chunks.push({ group, items: list.slice(start, start + size) })
    }
    return chunks
  })
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

/** Makes rows of chunks, numbered from `firstNo`. A chunk too large for a message becomes several. */
export function chunkRows(request: RequestRow, chunks: Chunk[], firstNo: number): ChunkRow[] {
  const rows: ChunkRow[] = []
  const waiting = [...chunks].reverse()
  for (let chunk = waiting.pop(); chunk; chunk = waiting.pop()) {
    const { group, items } = chunk
    const chunkNo = firstNo + rows.length
    const columns = columnsOf(items)
    if (items.length > 1 && Buffer.byteLength(columns) > MAX_ITEMS_BYTES) {
      const middle = Math.ceil(items.length / 2)
      waiting.push({ group, items: items.slice(middle) }, { group, items: items.slice(0, middle) })
      continue
    }
    const body = chunkBody(chunkMessage(request, chunkNo, items), columns)
    rows.push({
      request_id: request.id,
      chunk_no: chunkNo,
      message_group: group,
      body,
      content_hash: bodyHash(body),
      items: items.length,
    })
  }
  return rows
}

const chunkMessage = (request: RequestRow, chunkNo: number, items: Item[]): ChunkMessage => ({
  type: 'product-copy',
  version: 1,
  requestId: request.id,
  chunkNo,
  policy: request.policy,
  userId: request.user_id,
  userName: request.user_name,
  items,
})
