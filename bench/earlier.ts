import type { Item } from '../src/messages.ts'
import type { Env } from '../stack/part.ts'
import { copiedProduct, USER } from './catalogue.ts'
import { inserting, type Insert } from './inserts.ts'
import { analyze } from './table-sizes.ts'

const BATCH = 1000

/**
 * Fills the target brands with products that are there before a request of so many items comes. Their
 * keys lie evenly between the request's, and come in no order, as those of a real catalogue.
 */
export async function fillEarlier(env: Env, products: number, items: number): Promise<void> {
  await inserting(env, insert, (insertAll) => insertAll(batches(products, items)))
  await analyze(env)
}

/** By bare transactions, which look at nothing: the keys are all different. */
const insert: Insert = (database, rows) =>
  database.inTransaction(async (trx) => {
    await database.dialect.insertKeys(trx, rows, USER)
    await database.dialect.insertProducts(trx, rows, USER)
  })

function* batches(products: number, items: number): Generator<Item[]> {
  for (let start = 0; start < products; start += BATCH) {
    const length = Math.min(BATCH, products - start)
    yield Array.from({ length }, (_, i) => earlierProduct(start + i, items))
  }
}

/** A neighbour of one of the copies: its name, and something after it. */
function earlierProduct(n: number, items: number): Item {
  const number = n.toString(36).toUpperCase()
  const copy = copiedProduct(scatter(n) % items)
  return { ...copy, name: `${copy['name'] as string} ${number}`, model: `EARLIER-${number}` }
}

/** The steps of a random number generator (Lehmer's), each from its own number. */
const scatter = (n: number): number => ((n + 1) * 48_271) % 2_147_483_647
