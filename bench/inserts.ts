import type { Database, NewId, NewProductRow } from '../src/database.ts'
import type { Item } from '../src/messages.ts'
import { ensureBrands, findBrands, type Brands } from '../src/products/brands.ts'
import { compareKeys, productKey } from '../src/products/product-key.ts'
import type { Env } from '../stack/part.ts'
import { batchesOf, SOURCE, TARGETS } from './catalogue.ts'
import { openPlace } from './place.ts'
import { timedHere, type Place, type Run } from './way.ts'

/** Transactions at a time: more gain nothing on two cores. */
const CONNECTIONS = 4

/** Writes one batch of products, sorted by their keys. */
export type Insert = (database: Database, rows: NewProductRow[]) => Promise<unknown>

/** A round in which this process inserts so many products at a time, on some connections at once. */
export const runInserts = (place: Place, size: number, insert: Insert): Promise<Run> =>
  inserting(place.env, insert, (insertAll) =>
    timedHere(place, (range) => insertAll(batchesOf(range, size))),
  )

/** Opens the database for a piece of work that inserts batches, and closes it. */
export async function inserting<T>(
  env: Env,
  insert: Insert,
  work: (insertAll: (batches: Generator<Item[]>) => Promise<void>) => Promise<T>,
): Promise<T> {
  const { database, newId, close } = await openPlace({ env }, CONNECTIONS)
  try {
    await ensureBrands(database, newId, [SOURCE, ...TARGETS])
    const brands = await findBrands(database, TARGETS)
    return await work(async (batches) => {
      const write = async () => {
        for (const items of batches) {
          const rows = items.map((item) => rowOf(item, brands, newId))
          rows.sort((a, b) => compareKeys(a.key, b.key))
          await insert(database, rows)
        }
      }
      await Promise.all(Array.from({ length: CONNECTIONS }, write))
    })
  } finally {
    await close()
  }
}

function rowOf(item: Item, brands: Brands, newId: NewId): NewProductRow {
  const { brand, name, model, price, attributes, sourceProductId } = item as Record<string, string>
  return {
    id: newId(),
    key: productKey(name!, model!),
    brandId: brands.get(brand!.toLowerCase())!.id,
    product: {
      name: name!,
      model: model!,
      price: price!,
      attributes: JSON.stringify(attributes),
      sourceProductId: sourceProductId!,
    },
  }
}
