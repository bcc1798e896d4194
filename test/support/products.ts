import type { Database, NewId } from '../../src/database.ts'
import { ensureBrands, findBrands } from '../../src/products/brands.ts'
import { answerChunks, readArrived, type ArrivedChunk } from '../../src/copy/answer-chunk.ts'
import { createProducts, type Batch } from '../../src/products/create-products.ts'
import type { OutboxRow } from '../../src/copy/outbox.ts'
import type { ChunkMessage, Item, Outcome } from '../../src/messages.ts'
import { readProducts } from '../../src/products/read-product.ts'
import type { TestDatabase } from './database.ts'

export const USER = { id: '7', name: 'Ann' }
export const BRAND = 'Acme'

/** An item of the brand Acme. */
export const item = (name: string, more: Item = {}): Item => ({
  brand: BRAND,
  name,
  model: `M-${name}`,
  price: '9.90',
  ...more,
})

export const ensureAcme = (database: Database, newId: NewId) =>
  ensureBrands(database, newId, [BRAND])

/** Creates products the way a chunk does. */
export function create(
  database: Database,
  newId: NewId,
  items: Item[],
  change: Partial<Batch> = {},
): Promise<Outcome[]> {
  return createProducts(
    database,
    { products: readProducts(items), policy: 'return-existing', user: USER, ...change },
    { newId, brands: (names) => findBrands(database, names) },
  )
}

/** Creates products of the brand Acme, from Phone 0 on. */
export async function createPhones(
  { database, newId }: TestDatabase,
  count: number,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  for (let start = 0; start < count; start += 1000) {
    const length = Math.min(1000, count - start)
    const items = Array.from({ length }, (_, i) => item(`Phone ${start + i}`))
    outcomes.push(...(await create(database, newId, items)))
  }
  return outcomes
}

export function arrivedChunk(items: Item[], change: Partial<ChunkMessage> = {}): ArrivedChunk {
  const message: ChunkMessage = {
    type: 'product-copy',
    version: 1,
    requestId: 'mall-1',
    chunkNo: 1,
    policy: 'return-existing',
    userId: USER.id,
    userName: USER.name,
    items,
    ...change,
  }
  return readArrived({ body: JSON.stringify(message), group: 'shard-1' })
}

/** The ids of outcomes that have one. */
export const idsOf = (outcomes: Outcome[]): string[] =>
  outcomes.map((outcome) => ('id' in outcome ? outcome.id : outcome.outcome))

/** Answers chunks as the consumer does. @returns the results of each transaction */
export async function answerAll(
  database: Database,
  newId: NewId,
  chunks: ArrivedChunk[],
): Promise<OutboxRow[][]> {
  const tools = { newId, brands: (names: Iterable<string>) => findBrands(database, names) }
  const written: OutboxRow[][] = []
  for await (const results of answerChunks(database, tools, chunks)) written.push(results)
  return written
}

/** Answers a chunk; its result is left to the relay. */
export async function answer(
  database: Database,
  newId: NewId,
  chunk: ArrivedChunk,
): Promise<'answered' | 'repeated'> {
  const [[row] = []] = await answerAll(database, newId, [chunk])
  if (!row) return 'repeated'
  await database
    .knex('copy_result')
    .where({ request_id: row.request_id, chunk_no: row.chunk_no })
    .update({ claimed_until: null })
  return 'answered'
}
