import type { Knex } from 'knex'
import type { Database, User } from '../database.ts'
import { findBrands } from './brands.ts'
import { findOwners } from './product-unique.ts'
import { compareKeys, keyText, productKey } from './product-key.ts'
import { isId } from './read-product.ts'

/** A product as it is shown. Ids are strings: they have 64 bits. */
export interface Product {
  id: string
  /** Null where another program has left a product without one. */
  brand: string | null
  name: string
  model: string
  /** Decimal with two places, or null where it is not known. */
  price: string | null
  attributes: Record<string, unknown>
  /** The product of which it is a copy, or null. */
  sourceProductId: string | null
  deleted: boolean
  /** The product of the same key that stayed when `merge` deleted this one, or null. */
  mergedInto: string | null
  /** Who created it. */
  user: User
  createDate: Date
  editTime: Date
}

/** @returns undefined when there has never been one with this id; a deleted one is there */
export async function findProduct(connection: Knex, id: string): Promise<Product | undefined> {
  if (!isId(id)) return undefined
  const [row] = await products(connection).where('product.id', id)
  return row && toProduct(row)
}

/** @returns the live product with this name and model, by way of their key */
export async function findProductByKey(
  database: Database,
  name: string,
  model: string,
): Promise<Product | undefined> {
  const { knex } = database
  const key = productKey(name, model)
  const owners = await findOwners(database, knex, [key])
  const id = owners.get(keyText(key))
  if (id === undefined) return undefined
  const product = await findProduct(knex, id)
  if (!product || product.deleted) return undefined
  // It may have been renamed between the two statements.
  return compareKeys(productKey(product.name, product.model), key) === 0 ? product : undefined
}

/** @returns a page of a brand's live products, by id, those after the id `after` */
export async function findProductsOfBrand(
  database: Database,
  name: string,
  { after, limit }: { after: string; limit: number },
): Promise<Product[]> {
  // By its id: joined by its name, some plans read and sort the whole brand for each page.
  const [brand] = (await findBrands(database, [name])).values()
  if (!brand) return []
  const rows = await products(database.knex)
    .where({ 'product.brand_id': brand.id, 'product.delete_status': 0 })
    .where('product.id', '>', after)
    .orderBy('product.id')
    .limit(limit)
  return rows.map(toProduct)
}

interface ProductRow {
  id: string
  brand: string | null
  name: string
  model: string
  price: string | null
  attributes: string
  source_product_id: string | null
  delete_status: number
  merged_into: string | null
  user_id: string
  user_name: string
  create_date: Date
  edit_time: Date
}

const products = (connection: Knex) =>
  connection('product')
    .leftJoin('brand', 'brand.id', 'product.brand_id')
    .select<ProductRow[]>('product.*', 'brand.name as brand')

const toProduct = (row: ProductRow): Product => ({
  id: row.id,
  brand: row.brand,
  name: row.name,
  model: row.model,
  price: row.price,
  attributes: JSON.parse(row.attributes) as Product['attributes'],
  sourceProductId: row.source_product_id,
  deleted: row.delete_status !== 0,
  mergedInto: row.merged_into,
  user: { id: row.user_id, name: row.user_name },
  createDate: row.create_date,
  editTime: row.edit_time,
})
