import type { Database, Transaction } from '../database.ts'
import { isOwnKey, type HeldKey } from './duplicates.ts'
import { keyText, type ProductKey } from './product-key.ts'
import { idRanges } from './product-rows.ts'
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
    const odd = new Map<string, ProductKey>()
    const counts = { liveProducts: 0, productsWithoutKey: 0, mismatchedKeys: 0 }
    for await (const product of liveProducts(trx)) {
      counts.liveProducts++
      if (isOwnKey(product)) continue
      if (product.key_name === null) counts.productsWithoutKey++
      else counts.mismatchedKeys++
      const key = storedKey(product)
      if (!('reason' in key)) odd.set(product.id, key)
    }
    return {
      ...counts,
      duplicateKeys: await countDuplicates(database, trx, odd),
      keysWithoutProduct: await countKeysWithoutProduct(trx),
    }
  })
}

async function* liveProducts(trx: Transaction): AsyncGenerator<HeldKey> {
  for await (const { after, to } of idRanges(trx, 'product', PAGE)) {
    yield* await trx('product')
      .leftJoin('product_unique as held', (join) =>
        join
          .on('held.id', 'product.id')
          .andOnVal('held.id', '>', after)
          .andOnVal('held.id', '<=', to),
      )
      .where('product.id', '>', after)
      .where('product.id', '<=', to)
      .where('product.delete_status', 0)
      .select<HeldKey[]>(
        'product.id',
        'product.name',
        'product.model',
        'held.name as key_name',
        'held.model as key_model',
      )
  }
}

/**
 * Products that hold their own key cannot share it, for product_unique's keys are unique. So a key
 * with two live products has at least one of them among the odd ones: those without their key. Texts
 * that can be no key are none.
 */
async function countDuplicates(
  database: Database,
  trx: Transaction,
  odd: Map<string, ProductKey>,
): Promise<number> {
  const holders = new Map<string, { key: ProductKey; count: number }>()
  const hold = (key: ProductKey) => {
    const holder = holders.get(keyText(key)) ?? { key, count: 0 }
    holder.count++
    holders.set(keyText(key), holder)
  }
  for (const key of odd.values()) hold(key)
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
  const rows = await trx('product_unique')
    .leftJoin('product', (join) =>
      join.on('product.id', 'product_unique.id').andOnVal('product.delete_status', 0),
    )
    .whereNull('product.id')
    .count<{ keys: string }[]>({ keys: '*' })
  return Number(rows[0]!.keys)
}
