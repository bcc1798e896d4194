import type { Knex } from 'knex'
import type { Database, Transaction } from '../../database.ts'
import type { Item } from '../../messages.ts'
import { column, unnested } from '../../platform/postgres-columns.ts'
import { keyText, type ProductKey } from '../../products/product-key.ts'
import { readProduct, type ReadProduct } from '../../products/read-product.ts'
import type { Answer, Site } from '../way.ts'

/**
 * The table of the ways that have no second one: `product` with the canonical key in two columns, so
 * that all ways agree on which products are the same.
 */
export const TABLE = 'way_product'

const KEY_COLUMNS = {
  mysql: 'add column name_key varchar(130) not null, add column model_key varchar(255) not null',
  postgres:
    'add column name_key varchar(130) collate "C" not null, add column model_key varchar(255) collate "C" not null',
}

/** @param index such as `unique index (name_key, model_key)`, with its kind and its columns */
export async function makeTable(
  { knex, dialect }: Database,
  index: { unique: boolean; columns: string[] },
): Promise<void> {
  const like = dialect.name === 'mysql' ? 'like product' : '(like product including all)'
  await knex.raw(`create table ${TABLE} ${like}`)
  await knex.raw(`alter table ${TABLE} ${KEY_COLUMNS[dialect.name]}`)
  const kind = index.unique ? 'unique index' : 'index'
  await knex.raw(`create ${kind} ix_way_product_key on ${TABLE} (${index.columns.join(', ')})`)
}

export const KEY = ['name_key', 'model_key']

/**
 * A transaction as a framework gives it to who asks for no more: with the isolation that the server has
 * by default, and run once.
 */
export const plainTransaction = <T>(
  { knex, dialect }: Database,
  work: (trx: Transaction) => Promise<T>,
): Promise<T> =>
  knex.transaction(work, {
    isolationLevel: dialect.name === 'mysql' ? 'repeatable read' : 'read committed',
  })

/** A product that is to be a row. */
export interface Row extends ReadProduct {
  id: string
}

/** @throws when an item can be no product: the load has none such */
export function readRows(site: Site, items: Item[]): Row[] {
  return items.map((item) => {
    const product = readProduct(item)
    if ('reason' in product) throw new Error(product.reason)
    return { ...product, id: site.newId() }
  })
}

/** @returns the ids of the live products with these keys, by `keyText` */
export async function findLive(connection: Knex, keys: ProductKey[]): Promise<Map<string, string>> {
  const rows = await connection(TABLE)
    .where('delete_status', 0)
    .whereIn(
      KEY,
      keys.map(({ name, model }) => [name, model]),
    )
    .select<{ id: string; name_key: string; model_key: string }[]>('id', ...KEY)
  return new Map(rows.map((row) => [keyText({ name: row.name_key, model: row.model_key }), row.id]))
}

const COLUMNS = `id, brand_id, name, model, price, attributes, source_product_id, user_id, user_name,
  name_key, model_key`

/**
 * Inserts rows with one statement, in the order given.
 * @param around what makes it another statement: `ignore` before `into`, or a clause at the end
 * @returns what the driver gives
 */
export function insertRows(
  connection: Knex,
  { database, brand, user }: Site,
  rows: Row[],
  around: { ignore?: boolean; end?: string } = {},
): Knex.Raw {
  const into = `insert ${around.ignore ? 'ignore ' : ''}into ${TABLE} (${COLUMNS})`
  const end = around.end ?? ''
  const values = rows.map((row) => [
    row.id,
    brand.id,
    row.name,
    row.model,
    row.price,
    row.attributes,
    row.sourceProductId,
    user.id,
    user.name,
    row.key.name,
    row.key.model,
  ])
  if (database.dialect.name === 'mysql') {
    return connection.raw(`${into} values ? ${end}`, [values as unknown as Knex.RawBinding])
  }
  // As the project's own rows travel.
  const columns = values[0]!.map((_, at) => column(values, (row) => row[at]!))
  return connection.raw(
    `${into}
     select id::bigint, brand_id::bigint, name, model, price::numeric, attributes::jsonb,
            source_product_id::bigint, user_id, user_name, name_key, model_key
       from ${unnested(COLUMNS)} as v ${end}`,
    columns,
  )
}

/** Whether a unique key refused a row. */
export function isDuplicate(error: unknown): boolean {
  const { code, errno } = error as { code?: unknown; errno?: unknown }
  return errno === 1062 || code === '23505'
}

/** Looks for the keys first, and inserts what is not there. */
export async function checkThenInsert(
  connection: Knex,
  site: Site,
  rows: Row[],
): Promise<Answer[]> {
  const live = await findLive(
    connection,
    rows.map(({ key }) => key),
  )
  const missing = rows.filter(({ key }) => !live.has(keyText(key)))
  if (missing.length > 0) await insertRows(connection, site, missing)
  return rows.map(({ id, key }) => {
    const existing = live.get(keyText(key))
    return existing === undefined
      ? { outcome: 'created', id }
      : { outcome: 'existing', id: existing }
  })
}

/** Deletes a product as this project's business wants it: the row stays, and is marked. */
export async function removeLogically(site: Site, item: Item): Promise<void> {
  const { knex, dialect } = site.database
  const id = await liveId(site, item)
  if (id === undefined) return
  await knex(TABLE).where({ id }).update({ delete_status: 1, edit_time: dialect.now() })
}

/** Deletes the row itself, which is what frees a key that a unique index on it holds. */
export async function removeRow(site: Site, item: Item): Promise<void> {
  const id = await liveId(site, item)
  if (id !== undefined) await site.database.knex(TABLE).where({ id }).delete()
}

async function liveId(site: Site, item: Item): Promise<string | undefined> {
  const [row] = readRows(site, [item])
  return (await findLive(site.database.knex, [row!.key])).get(keyText(row!.key))
}
