import type { SourceProduct } from '../copies.ts'
import type { Database } from '../database.ts'
import { findBrands } from '../products/brands.ts'

/**
 * The one place where the mall's side looks into the base system: a brand's live products, by id.
 * With the base system elsewhere, this function becomes a call of its API.
 *
 * @param after id after which to go on
 * @param last id up to which to read, or null for the last one of this moment
 * @returns the page, and the id that ends the whole reading. It is fixed with the first page: copies
 *   made meanwhile, even into the source brand, do not prolong the reading.
 */
export async function readSourceProducts(
  database: Database,
  brand: string,
  after: string,
  last: string | null,
  limit: number,
): Promise<{ products: SourceProduct[]; last: string }> {
  // By its id: joined by its name, some plans read and sort the whole brand for each page.
  const [source] = (await findBrands(database, [brand])).values()
  if (!source) return { products: [], last: last ?? '0' }
  const live = () => database.knex('product').where({ brand_id: source.id, delete_status: 0 })
  const end = last ?? (await live().max<{ max: string | null }[]>({ max: 'id' }))[0]!.max ?? '0'
  const products = await live()
    .where('id', '>', after)
    .where('id', '<=', end)
    .orderBy('id')
    .limit(limit)
    .select<SourceProduct[]>('id', 'name', 'model', 'price', 'attributes')
  return { products, last: end }
}
