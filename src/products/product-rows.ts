import type { Knex } from 'knex'
import type { Transaction } from '../database.ts'
import { compareKeys, productKey } from './product-key.ts'
import { MAX_ID } from './read-product.ts'

/** Ids greater than `after`, up to `to`. */
export interface IdRange {
  after: string
  to: string
}

/** Rows that are counted by one statement. */
const COUNTED_ROWS = 50_000
const LEAST_ID = (-MAX_ID - 1n).toString()

/**
 * Cuts a table into ranges of about `size` rows, by id. A statement on such a range reads nothing but
 * its rows, whatever plan the database makes, if every table in it is held to the range; a join with
 * a limit may read the other table from its beginning each time.
 */
export async function* idRanges(
  connection: Knex,
  table: 'product' | 'product_unique',
  size: number,
): AsyncGenerator<IdRange> {
  let after = LEAST_ID
  for (;;) {
    const last = await connection(table)
      .where('id', '>', after)
      .orderBy('id')
      .offset(size - 1)
      .first<{ id: string } | undefined>('id')
    yield { after, to: last?.id ?? MAX_ID.toString() }
    if (!last) return
    after = last.id
  }
}

/** Counts rows, by statements that are short whatever there is to count. */
export async function countRows(connection: Knex, table: 'product'): Promise<number> {
  let rows = 0
  for await (const { after, to } of idRanges(connection, table, COUNTED_ROWS)) {
    const [counted] = await connection(table)
      .where('id', '>', after)
      .where('id', '<=', to)
      .count<{ rows: string }[]>({ rows: '*' })
    rows += Number(counted!.rows)
  }
  return rows
}

/** The live products of a range, each with its row of product_unique as `held`: NULL where it has none. */
export const liveProducts = (connection: Knex, { after, to }: IdRange) =>
  connection('product')
    .leftJoin('product_unique as held', (join) =>
      join
        .on('held.id', 'product.id')
        .andOnVal('held.id', '>', after)
        .andOnVal('held.id', '<=', to),
    )
    .where('product.id', '>', after)
    .where('product.id', '<=', to)
    .where('product.delete_status', 0)

/** The rows of product_unique in a range, as `held`, each with its live product: NULL where it has none. */
export const heldKeys = (connection: Knex, { after, to }: IdRange) =>
  connection('product_unique as held')
    .leftJoin('product', (join) =>
      join
        .on('product.id', 'held.id')
        .andOnVal('product.id', '>', after)
        .andOnVal('product.id', '<=', to)
        .andOnVal('product.delete_status', 0),
    )
    .where('held.id', '>', after)
    .where('held.id', '<=', to)

/** A product and its key: NULL where there is only one of them. */
export interface HeldKey {
  id: string
  name: string | null
  model: string | null
  key_name: string | null
  key_model: string | null
}

/** The columns of a HeldKey, but its id. */
export const HELD_KEY = {
  name: 'product.name',
  model: 'product.model',
  key_name: 'held.name',
  key_model: 'held.model',
}

/** Whether the key is the one that the product's texts make. */
export function isOwnKey({ name, model, key_name, key_model }: HeldKey): boolean {
  if (name === null || model === null || key_name === null || key_model === null) return false
  return compareKeys(productKey(name, model), { name: key_name, model: key_model }) === 0
}

/** A product as far as its key is concerned. Another program's table may hold NULL. */
export interface ProductText {
  id: string
  name: string | null
  model: string | null
  delete_status: number
}

/**
 * Locks products, by id, as everybody does who locks several: no two of them wait for each other.
 * @returns those that there are, in that order
 */
export function lockProducts(trx: Transaction, ids: string[]): Promise<ProductText[]> {
  return trx('product')
    .whereIn('id', ids)
    .orderBy('id')
    .forUpdate()
    .select<ProductText[]>('id', 'name', 'model', 'delete_status')
}
