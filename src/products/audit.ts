import type { Database, Transaction } from '../database.ts'
import { keyText, productKey, type ProductKey } from './product-key.ts'

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

interface LiveProduct {
  id: string
  name: string
  model: string
  key_name: string | null
  key_model: string | null
}

/** Compares every live product with its key, all as of one moment, while writers go on. */
export async function audit(database: Database): Promise<Audit> {
  return database.inSnapshot(async (trx) => {
    const odd = new Map<string, ProductKey>()
    const counts = { liveProducts: 0, productsWithoutKey: 0, mismatchedKeys: 0 }
    for await (const product of liveProducts(trx)) {
      counts.liveProducts++
      const key = productKey(product.name, product.model)
      if (product.key_name === key.name && product.key_model === key.model) continue
      if (product.key_name === null) counts.productsWithoutKey++
      else counts.mismatchedKeys++
      odd.set(product.id, key)
    }
    return {
      ...counts,
      duplicateKeys: await countDuplicates(database, trx, odd),
      keysWithoutProduct: await countKeysWithoutProduct(trx),
    }
  })
}

async function* liveProducts(trx: Transaction): AsyncGenerator<LiveProduct> {
  let after = '0'
  for (;;) {
    const page = await trx('product')
      .leftJoin('product_unique', 'product_unique.id', 'product.id')
      .where('product.delete_status', 0)
      .where('product.id', '>', after)
      .orderBy('product.id')
      .limit(PAGE)
      .select<LiveProduct[]>(
        'product.id',
        'product.name',
        'product.model',
        'product_unique.name as key_name',
        'product_unique.model as key_model',
      )
    yield* page
    const last = page.at(-1)
    if (!last || page.length < PAGE) return
    after = last.id
  }
}

/**
 * Products that hold their own key cannot share it, for product_unique's keys are unique. So a key
 * with two live products has at least one of them among the odd ones: those without their key.
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
