import type { Knex } from 'knex'
import type { Database } from '../database.ts'
import { slices } from '../slices.ts'
import { compareKeys, keyText, productKey, type ProductKey } from './product-key.ts'
import { findOwners } from './product-unique.ts'
import {
  HELD_KEY,
  idRanges,
  isOwnKey,
  liveProducts,
  type HeldKey,
  type IdRange,
} from './product-rows.ts'
import { storedKey } from './read-product.ts'

/** Products that are looked at by one statement. */
const PAGE_SIZE = 500

/** Live products that have no key, by their ids: all that is kept in memory of them. */
export interface Leftovers {
  /** Those whose key another live product holds, by that product's id. */
  duplicates: Map<string, string[]>
  /** Those whose name or model can be no key. */
  unadoptable: string[]
}

/** A product as it is reported. In a table that others have made, anything may be missing. */
export interface ReportedProduct {
  id: string
  name: string | null
  model: string | null
  brand: string | null
  createDate: Date | null
}

/** Live products with one key. */
export interface DuplicateGroup {
  key: ProductKey
  /** The one that holds the key. */
  owner: ReportedProduct
  duplicates: ReportedProduct[]
}

export function addDuplicate({ duplicates }: Leftovers, owner: string, id: string): void {
  const ids = duplicates.get(owner)
  if (ids) ids.push(id)
  else duplicates.set(owner, [id])
}

export const countDuplicates = ({ duplicates }: Leftovers): number =>
  [...duplicates.values()].reduce((sum, ids) => sum + ids.length, 0)

/** @returns the live products in a range that have no key */
export const liveWithoutKey = (
  connection: Knex,
  range: IdRange,
): Promise<{ id: string; name: string | null; model: string | null }[]> =>
  liveProducts(connection, range)
    .whereNull('held.id')
    .orderBy('product.id')
    .select('product.id', 'product.name', 'product.model')

/** The live products without a key, as they are. `unadopted`: how many of them could have theirs. */
export async function findLeftovers(
  database: Database,
): Promise<Leftovers & { unadopted: number }> {
  const left: Leftovers = { duplicates: new Map(), unadoptable: [] }
  let unadopted = 0
  for await (const range of idRanges(database.knex, 'product', PAGE_SIZE)) {
    const wanted: { id: string; key: ProductKey }[] = []
    for (const product of await liveWithoutKey(database.knex, range)) {
      const key = storedKey(product)
      if ('reason' in key) left.unadoptable.push(product.id)
      else wanted.push({ id: product.id, key })
    }
    const keys = wanted.map(({ key }) => key)
    const owners = await findOwners(database, database.knex, keys)
    for (const { id, key } of wanted) {
      const owner = owners.get(keyText(key))
      if (owner === undefined) unadopted++
      else addDuplicate(left, owner, id)
    }
  }
  return { ...left, unadopted }
}

/** Reads the groups as they are now: without what was deleted, renamed or merged since they were found. */
export async function* readGroups(
  connection: Knex,
  { duplicates }: Leftovers,
): AsyncGenerator<DuplicateGroup> {
  for (const part of parts(duplicates)) {
    const live = await readLive(
      connection,
      part.flatMap(([owner, ids]) => [owner, ...ids]),
    )
    for (const [ownerId, ids] of part) {
      const owner = live.get(ownerId)
      if (!owner?.holdsKey || 'reason' in owner.key) continue
      const { key } = owner
      const same = ids.flatMap((id) => live.get(id) ?? []).filter((one) => hasKey(one, key))
      if (same.length === 0) continue
      yield { key, owner: owner.product, duplicates: same.map(({ product }) => product) }
    }
  }
}

/** Reads the products that can have no key, those that are still so, each with the reason. */
export async function* readUnadoptable(
  connection: Knex,
  { unadoptable }: Leftovers,
): AsyncGenerator<{ product: ReportedProduct; reason: string }> {
  for (const ids of slices(unadoptable, PAGE_SIZE)) {
    for (const { product, key } of (await readLive(connection, ids)).values()) {
      if ('reason' in key) yield { product, reason: key.reason }
    }
  }
}

/** Groups that are read together: a page of products, or one group that is greater. */
function* parts(duplicates: Map<string, string[]>): Generator<[string, string[]][]> {
  let part: [string, string[]][] = []
  let size = 0
  for (const group of duplicates) {
    if (size > 0 && size + group[1].length + 1 > PAGE_SIZE) {
      yield part
      part = []
      size = 0
    }
    part.push(group)
    size += group[1].length + 1
  }
  if (size > 0) yield part
}

export interface LiveProduct {
  product: ReportedProduct
  key: ReturnType<typeof storedKey>
  /** Whether the product has its key in `product_unique`. */
  holdsKey: boolean
}

export const hasKey = (one: LiveProduct, key: ProductKey): boolean =>
  !('reason' in one.key) && compareKeys(one.key, key) === 0

/** Reads products with their keys. @returns those that are live, by id */
export async function readLive(connection: Knex, ids: string[]): Promise<Map<string, LiveProduct>> {
  const live = new Map<string, LiveProduct>()
  for (const some of slices(ids, PAGE_SIZE)) {
    for (const row of await liveRows(connection, some)) {
      const { id, name, model, brand, create_date: createDate } = row
      const holdsKey = isOwnKey(row)
      const key = holdsKey ? productKey(name!, model!) : storedKey(row)
      live.set(id, { product: { id, name, model, brand, createDate }, key, holdsKey })
    }
  }
  return live
}

const liveRows = (connection: Knex, ids: string[]) =>
  connection('product')
    .leftJoin('brand', 'brand.id', 'product.brand_id')
    .leftJoin('product_unique as held', 'held.id', 'product.id')
    .whereIn('product.id', ids)
    .where('product.delete_status', 0)
    .select<(HeldKey & { brand: string | null; create_date: Date | null })[]>({
      id: 'product.id',
      create_date: 'product.create_date',
      brand: 'brand.name',
      ...HELD_KEY,
    })
