import type { Knex } from 'knex'
import type { Transaction } from '../database.ts'
import { MAX_ID } from './read-product.ts'

/** Ids greater than `after`, up to `to`. */
export interface IdRange {
  after: string
  to: string
}

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

/** Parts of a list, of at most `size` values. */
export function* slices<T>(values: T[], size: number): Generator<T[]> {
  for (let start = 0; start < values.length; start += size) yield values.slice(start, start + size)
}
