import { createHash } from 'node:crypto'
import type { ChunkMessage, Item } from '../messages.ts'
import type { RequestRow } from './request-status.ts'
import { fillNameTemplate } from './name-template.ts'
import { productKey, shardOf } from './product-key.ts'
import type { SourceProduct } from './source-products.ts'

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
  return products.flatMap((product) =>
    targetBrands.map((brand) => ({
      brand,
      name: fillNameTemplate(nameTemplate, brand, product.name),
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
export function cutChunks(
  items: Item[],
  settings: ChunkSettings,
): { shard: number; items: Item[] }[] {
  const shards = new Map<number, Item[]>()
  for (const item of items) {
    const shard = shardOf(productKey(String(item.name), String(item.model)), settings.shards)
    const list = shards.get(shard)
    if (list) list.push(item)
    else shards.set(shard, [item])
  }
  return [...shards].flatMap(([shard, list]) => {
    const size = Math.ceil(list.length / Math.ceil(list.length / settings.chunkSize))
    const chunks: { shard: number; items: Item[] }[] = []
    for (let start = 0; start < list.length; start += size) {
      chunks.push({ shard, items: list.slice(start, start + size) })
    }
    return chunks
  })
}

export function chunkMessage(request: RequestRow, chunkNo: number, items: Item[]): ChunkMessage {
  return {
    type: 'product-copy',
    version: 1,
    requestId: request.id,
    chunkNo,
    policy: request.policy,
    userId: request.user_id,
    userName: request.user_name,
    items,
  }
}

/** Tells whether two messages under one name carry the same work. */
export const bodyHash = (body: string): string => createHash('sha256').update(body).digest('hex')
