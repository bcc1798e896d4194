import type { Database } from '../database.ts'
import { canonicalText } from '../products/product-key.ts'

export interface SourceProduct {
  id: string
  name: string
  model: string
  price: string | null
  attributes: Record<string, unknown>
}

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
  const live = () =>
    database
      .knex('product')
      .join('brand', 'brand.id', 'product.brand_id')
      .where({ 'brand.name_key': canonicalText(brand), 'product.delete_status': 0 })
  const end =
    last ?? (await live().max<{ max: string | null }[]>({ max: 'product.id' }))[0]!.max ?? '0'
  const rows = await live()
    .where('product.id', '>', after)
    .where('product.id', '<=', end)
    .orderBy('product.id')
    .limit(limit)
    .select<(Omit<SourceProduct, 'attributes'> & { attributes: string })[]>(
      'product.id',
      'product.name',
      'product.model',
      'product.price',
      'product.attributes',
    )
  const products = rows.map((row) => ({
    ...row,
    attributes: JSON.parse(row.attributes) as SourceProduct['attributes'],
  }))
  return { products, last: end }
}
