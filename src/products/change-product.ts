import { ProductCopyError, quoted } from '../errors.ts'
import { Taken, type Database, type Transaction, type User } from '../database.ts'
import { findBrands, unknownBrand } from './brands.ts'
import { findProduct, type Product } from './find-products.ts'
import { canonicalText, compareKeys, keyText, productKey, type ProductKey } from './product-key.ts'
import { claimKeys, findOwners, releaseKey, untilSettled } from './product-unique.ts'
import { isId, readProduct, storedKey } from './read-product.ts'

/** What is to be different, as somebody gave it. Attributes are replaced as a whole. */
export type ProductChange = {
  [Field in 'brand' | 'name' | 'model' | 'price' | 'attributes']?: unknown
}

/** `unknown`: there is no such product. `duplicate`: the live product `existingId` holds the key. */
export type ChangeResult =
  | { result: 'done'; product: Product }
  | { result: 'unknown' }
  | { result: 'duplicate'; existingId: string }

/**
 * Changes a live product; another name or model moves its key, in one transaction.
 * @throws ProductCopyError `invalid-product` when it can be no product so, `unknown-brand` or
 *   `contended`; nothing is written then
 */
export async function changeProduct(
  database: Database,
  id: string,
  change: ProductChange,
  user: User,
): Promise<ChangeResult> {
  const brand =
    change.brand === undefined ? {} : { brand_id: await brandId(database, change.brand) }
  return withProduct(database, id, async (trx, product) => {
    if (product.deleted) return { result: 'unknown' }
    // What another program wrote, and nobody changes now, is not judged.
    const { name, model } = product
    const next = readProduct({ brand: product.brand ?? 'none', name, model, ...change })
    if ('reason' in next) throw invalid(next.reason, next.field)
    const duplicate = await moveKey(database, trx, product, next.key, user)
    if (duplicate !== undefined) return { result: 'duplicate', existingId: duplicate }
    await trx('product')
      .where({ id })
      .update({
        ...brand,
        name: next.name,
        model: next.model,
        ...(change.price !== undefined && { price: next.price }),
        ...(change.attributes !== undefined && { attributes: next.attributes }),
        edit_time: database.dialect.now(),
      })
    return 'done'
  })
}

/**
 * Makes a deleted product live again, if nobody has its key by now. Restoring a live one changes nothing.
 * @throws ProductCopyError `invalid-product` when its texts can be no key, or `contended`; nothing is
 *   written then
 */
export function restoreProduct(database: Database, id: string, user: User): Promise<ChangeResult> {
  return withProduct(database, id, async (trx, product) => {
    if (!product.deleted) return 'done'
    const key = storedKey(product)
    if ('reason' in key) throw invalid(key.reason)
    const duplicate = await takeKey(database, trx, product.id, key, user)
    if (duplicate !== undefined) return { result: 'duplicate', existingId: duplicate }
    await trx('product')
      .where({ id })
      .update({ delete_status: 0, merged_into: null, edit_time: database.dialect.now() })
    return 'done'
  })
}

/** Runs work on one product, whose row is locked first: whoever changes it waits here for the others. */
function withProduct(
  database: Database,
  id: string,
  work: (trx: Transaction, product: Product) => Promise<ChangeResult | 'done'>,
): Promise<ChangeResult> {
  if (!isId(id)) return Promise.resolve({ result: 'unknown' })
  return untilSettled(() =>
    database.inTransaction(async (trx): Promise<ChangeResult> => {
      await trx('product').where({ id }).forUpdate().first('id')
      const product = await findProduct(trx, id)
      if (!product) return { result: 'unknown' }
      const result = await work(trx, product)
      if (result !== 'done') return result
      return { result, product: (await findProduct(trx, id))! }
    }),
  )
}

/** @returns the id of the product that holds the key, or undefined when this one holds it now */
async function moveKey(
  database: Database,
  trx: Transaction,
  product: Product,
  key: ProductKey,
  user: User,
): Promise<string | undefined> {
  if (compareKeys(key, productKey(product.name, product.model)) === 0) return undefined
  return takeKey(database, trx, product.id, key, user)
}

async function takeKey(
  database: Database,
  trx: Transaction,
  id: string,
  key: ProductKey,
  user: User,
): Promise<string | undefined> {
  const owner = (await findOwners(database, trx, [key])).get(keyText(key))
  if (owner !== undefined && owner !== id) return owner
  await releaseKey(trx, id)
  const winners = await claimKeys(database, trx, [{ id, key }], user)
  // The old key was let go of already, and must not be lost.
  if (winners.size > 0) throw new Taken()
  return undefined
}

async function brandId(database: Database, name: unknown): Promise<string> {
  if (typeof name !== 'string') throw invalid(`brand is ${quoted(name)}, not a text`, 'brand')
  const brands = await findBrands(database, [name])
  const brand = brands.get(canonicalText(name))
  if (!brand) throw unknownBrand(name)
  return brand.id
}

const invalid = (reason: string, field?: string) =>
  new ProductCopyError('invalid-product', reason, { field })
