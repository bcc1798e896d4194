import type { Knex } from 'knex'
import type { Dialect, KeyOwner, NewProductRow, Transaction, User } from '../database.ts'
import type { ProductKey } from '../copy/product-key.ts'

/** PostgreSQL, and PGlite, which is PostgreSQL. Rows travel as one JSON text: measured fastest. */
export function postgresDialect(knex: Knex): Dialect {
  return { findKeyOwners, insertKeys, insertProducts, now: now(knex), isRetryable, isDuplicate }
}

/**
 * `lateral ... limit 1` makes it one index look-up for each key. As a plain join the planner, which
 * cannot know how few keys come, reads the whole table: measured 6 ms for ten keys among 35,000.
 */
async function findKeyOwners(trx: Transaction, keys: ProductKey[]): Promise<KeyOwner[]> {
  const found = await trx.raw<{ rows: KeyOwner[] }>(
    `select u.id, k.name, k.model
       from json_to_recordset(?::text::json) as k (name text, model text)
       cross join lateral (
         select id from product_unique
          where name = k.name collate "C" and model = k.model collate "C" limit 1
       ) as u`,
    [JSON.stringify(keys)],
  )
  return found.rows
}

/** `on conflict do nothing`: a lost race leaves no error in the database's log. */
async function insertKeys(trx: Transaction, rows: NewProductRow[], user: User): Promise<boolean> {
  const inserted = await trx.raw<{ rowCount: number }>(
    `insert into product_unique (id, name, model, user_id, user_name)
     select id, name, model, ?, ?
       from json_to_recordset(?::text::json) as k (id bigint, name text, model text)
     on conflict on constraint ux_name_model do nothing`,
    [user.id, user.name, JSON.stringify(rows.map(({ id, key }) => ({ id, ...key })))],
  )
  return inserted.rowCount === rows.length
}

async function insertProducts(trx: Transaction, rows: NewProductRow[], user: User): Promise<void> {
  const values = rows.map((row) => ({
    id: row.id,
    brand_id: row.brandId,
    name: row.name,
    model: row.model,
    price: row.price,
    attributes: row.attributes,
    source_product_id: row.sourceProductId,
  }))
  await trx.raw(
    `insert into product
       (id, brand_id, name, model, price, attributes, source_product_id, user_id, user_name)
     select p.*, ?, ?
       from json_to_recordset(?::text::json) as p (id bigint, brand_id bigint, name text,
         model text, price numeric, attributes jsonb, source_product_id bigint)`,
    [user.id, user.name, JSON.stringify(values)],
  )
}

const now =
  (knex: Knex) =>
  (laterMs = 0): Knex.Raw =>
    knex.raw(`clock_timestamp() + ? * interval '1 millisecond'`, [laterMs])

/** 40001 serialization_failure, 40P01 deadlock_detected, 55P03 lock_not_available. */
const RETRYABLE = new Set(['40001', '40P01', '55P03'])

function isRetryable(error: unknown): boolean {
  return RETRYABLE.has((error as { code?: string }).code ?? '')
}

function isDuplicate(error: unknown, constraint: string): boolean {
  const { code, constraint: violated } = error as { code?: string; constraint?: string }
  return code === '23505' && violated === constraint
}
