import type { Database, NewId } from '../../src/database.ts'
import { adopt, type Adoption } from '../../src/products/adopt.ts'
import { ensureAcme } from './products.ts'
import { slices } from '../../src/slices.ts'

/** A product as a program writes it that knows nothing of keys. */
export interface LegacyProduct {
  id: string
  name: string | null
  model: string | null
  create_date?: Date
  delete_status?: number
}

/** Writes products of the brand Acme into `product` alone. */
export async function putProducts(
  database: Database,
  newId: NewId,
  products: LegacyProduct[],
): Promise<void> {
  const brands = await ensureAcme(database, newId)
  const brand_id = brands.get('acme')!.id
  for (const some of slices(products, 500)) {
    await database.knex('product').insert(
      some.map((product) => ({
        brand_id,
        attributes: '{}',
        user_id: '1',
        user_name: 'legacy',
        ...product,
      })),
    )
  }
}

export const adoptAll = (database: Database): Promise<Adoption> =>
  adopt(database, { onProgress: () => undefined })

export async function collect<T>(values: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const value of values) all.push(value)
  return all
}

/** A database whose n-th transaction fails: at its beginning, or when all but the commit is done. */
export function failingAt(database: Database, nth: number, when: 'begin' | 'end'): Database {
  let count = 0
  return {
    ...database,
    inTransaction: (work) => {
      if (++count !== nth) return database.inTransaction(work)
      if (when === 'begin') return Promise.reject(new Error('killed'))
      return database.inTransaction(async (trx) => {
        await work(trx)
        throw new Error('killed')
      })
    },
  }
}
