import type { Database, Transaction } from '../database.ts'
import { keyText, type ProductKey } from './product-key.ts'
import {
  HELD_KEY,
  heldKeys,
  idRanges,
  isOwnKey,
  liveProducts,
  type HeldKey,
} from './product-rows.ts'
import { storedKey } from './read-product.ts'

/** Whether the promise holds. All but `liveProducts` are 0 when it does. */
export interface Audit {
  liveProducts: number
  /** Product keys held by more than one live product. */
  duplicateKeys: number
  /** Live products without a row in product_unique. */
  productsWithoutKey: number
  /** Rows of product_unique without a live product. */
  keysWithoutProduct: number
  /** Live products whose row in product_unique holds another key than theirs. */
  mismatchedKeys: number
}

export const isClean = (audit: Audit): boolean =>
  audit.duplicateKeys +
    audit.productsWithoutKey +
    audit.keysWithoutProduct +
    audit.mismatchedKeys ===
  0

const PAGE = 5000

/** Compares every live product with its key, all as of one moment, while writers go on. */
export async function audit(database: Database): Promise<Audit> {
  return database.inSnapshot(async (trx) => {
    const odd = new Map<string, ProductKey | null>()
    const counts = { liveProducts: 0, productsWithoutKey: 0, mismatchedKeys: 0 }
    for await (const product of productsAndKeys(trx)) {
      counts.liveProducts++
      if (isOwnKey(product)) continue
      if (product.key_name === null) counts.productsWithoutKey++
      else counts.mismatchedKeys++
      const key = storedKey(product)
      odd.set(product.id, 'reason' in key ? null : key)
    }
    return {
      ...counts,
      duplicateKeys: await countDuplicates(database, trx, odd),
      keysWithoutProduct: await countKeysWithoutProduct(trx),
    }
  })
}

async function* productsAndKeys(trx: Transaction): AsyncGenerator<HeldKey> {
  for await (const range of idRanges(trx, 'product', PAGE)) {
    yield* await liveProducts(trx, range).select<HeldKey[]>({ id: 'product.id', ...HELD_KEY })
  }
}

/**
 * Products that hold their own key cannot share it, for product_unique's keys are unique. So a key
 * with two live products has at least one of them among the odd ones: those without their key. Texts
 * that can be no key (null) are none.
 */
async function countDuplicates(
  database: Database,
  trx: Transaction,
  odd: Map<string, ProductKey | null>,
): Promise<number> {
  const holders = new Map<string, { key: ProductKey; count: number }>()
  const hold = (key: ProductKey) => {
    const holder = holders.get(keyText(key)) ?? { key, count: 0 }
    holder.count++
    holders.set(keyText(key), holder)
  }
  for (const key of odd.values()) if (key) hold(key)
  const keys = [...holders.values()].map(({ key }) => key)
  for (let start = 0; start < keys.length; start += PAGE) {
    const owners = await database.dialect.findKeyOwners(trx, keys.slice(start, start + PAGE))
    const ids = owners.map((owner) => owner.id)
    const live = await trx('product')
      .whereIn('id', ids)
      .where('delete_status', 0)
      .pluck<string[]>('id')
    const rightful = new Set(live.filter((id) => !odd.has(id)))
    for (const owner of owners) if (rightful.has(owner.id)) hold(owner)
  }
  return [...holders.values()].filter(({ count }) => count > 1).length
}

async function countKeysWithoutProduct(trx: Transaction): Promise<number> {
  let count = 0
  for await (const range of idRanges(trx, 'product_unique', PAGE)) {
    const [row] = await heldKeys(trx, range)
      .whereNull('product.id')
      .count<{ keys: string }[]>({ keys: '*' })
    count += Number(row!.keys)
  }
  return count
}
