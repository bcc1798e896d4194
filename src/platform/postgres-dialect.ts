import type { Knex } from 'knex'
import {
  Taken,
  type ChunkResult,
  type Dialect,
  type KeyClaim,
  type KeyOwner,
  type NewProductRow,
  type NewResultRow,
  type Transaction,
  type User,
} from '../database.ts'
import type { ProductKey } from '../products/product-key.ts'
import { isOutOfReach } from './database-errors.ts'
import { column, unnested } from './postgres-columns.ts'

/** PostgreSQL, and PGlite, which is PostgreSQL. */
export function postgresDialect(knex: Knex): Dialect {
  return {
    name: 'postgres',
    findKeyOwners,
    insertKeys,
    insertProducts,
    insertUnlessTaken,
    insertResults,
    completeChunks,
    now: now(knex),
    isRetryable,
    isAway,
    isUnfit,
    tryMigrationLock,
    releaseMigrationLock: () => Promise.resolve(),
  }
}

/**
 * `lateral ... limit 1` makes it one index look-up for each key. As a plain join the planner, which
 * cannot know how few keys come, reads the whole table: measured 6 ms for ten keys among 35,000.
 */
async function findKeyOwners(connection: Knex, keys: ProductKey[]): Promise<KeyOwner[]> {
  const found = await connection.raw<{ rows: KeyOwner[] }>(
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

const CLAIMS = unnested('id, name, model')
const PRODUCTS = unnested('id, brand_id, name, model, price, attributes, source_product_id')

/**
 * `on conflict do nothing`, here and below: a lost race leaves no error in the database's log. For the key
 * alone, for with the id it would cost a tenth more: an id that is in use is an error.
 */
async function insertKeys(trx: Transaction, claims: KeyClaim[], user: User): Promise<string[]> {
  const columns = [
    column(claims, ({ id }) => id),
    column(claims, ({ key }) => key.name),
    column(claims, ({ key }) => key.model),
  ]
  const { rowCount } = await unlessTaken(
    trx.raw<{ rowCount: number }>(
      `insert into product_unique (id, name, model, user_id, user_name)
       select id::bigint, name, model, ?, ? from ${CLAIMS} as k
       on conflict (name, model) do nothing`,
      [user.id, user.name, ...columns],
    ),
  )
  if (rowCount === claims.length) return []
  // Not by their ids alone: one that was given out twice may have the row of another key.
  const { rows: lost } = await trx.raw<{ rows: { id: string }[] }>(
    `select id from ${CLAIMS} as k
      where (select 1 from product_unique as u
              where u.id = k.id::bigint and u.name = k.name and u.model = k.model limit 1) is null`,
    columns,
  )
  return lost.map(({ id }) => id)
}

async function insertProducts(trx: Transaction, rows: NewProductRow[], user: User): Promise<void> {
  const products = rows.map(({ product }) => product)
  const { rowCount } = await unlessTaken(
    trx.raw<{ rowCount: number }>(
      `insert into product
         (id, brand_id, name, model, price, attributes, source_product_id, user_id, user_name)
       select id::bigint, brand_id::bigint, name, model, price::numeric, attributes::jsonb,
              source_product_id::bigint, ?, ?
         from ${PRODUCTS} as p`,
      [
        user.id,
        user.name,
        column(rows, ({ id }) => id),
        column(rows, ({ brandId }) => brandId),
        column(products, ({ name }) => name),
        column(products, ({ model }) => model),
        column(products, ({ price }) => price),
        column(products, ({ attributes }) => attributes),
        column(products, ({ sourceProductId }) => sourceProductId),
      ],
    ),
  )
  // As a trigger of somebody else's could do.
  if (rowCount !== rows.length) throw new Taken()
}

const UNIQUE_VIOLATION = '23505'

/** @throws Taken in place of a duplicate's error: PostgreSQL takes nothing more in this transaction */
async function unlessTaken<T>(insert: PromiseLike<T>): Promise<T> {
  try {
    return await insert
  } catch (error) {
    if (codeOf(error) === UNIQUE_VIOLATION) throw new Taken()
    throw error
  }
}

async function insertUnlessTaken(trx: Transaction, table: string, row: object): Promise<boolean> {
  const inserted: unknown = await trx(table).insert(row).onConflict().ignore()
  return (inserted as { rowCount: number }).rowCount === 1
}

async function insertResults(
  trx: Transaction,
  results: NewResultRow[],
  claimMs: number | null,
): Promise<boolean> {
  const inserted = await trx.raw<{ rowCount: number }>(
    `insert into copy_result
       (request_id, chunk_no, content_hash, message_group, body, claimed_until)
     select request_id, chunk_no, content_hash, message_group, body,
            clock_timestamp() + ?::float8 * interval '1 millisecond'
       from json_to_recordset(?::text::json) as r (request_id text, chunk_no int,
         content_hash text, message_group text, body text)
     on conflict do nothing`,
    [claimMs, JSON.stringify(results)],
  )
  return inserted.rowCount === results.length
}

async function completeChunks(connection: Knex, results: ChunkResult[]): Promise<number> {
  const completed = await connection.raw<{ rowCount: number }>(
    `update copy_chunk as c
        set outcomes = r.outcomes, created = r.created, existing = r.existing,
            rejected = r.rejected, failed = r.failed, completed_at = clock_timestamp()
       from json_to_recordset(?::text::json) as r ("requestId" bigint, "chunkNo" int,
              "contentHash" text, outcomes text, items int, created int, existing int,
              rejected int, failed int, "gaveUp" boolean)
      where c.request_id = r."requestId" and c.chunk_no = r."chunkNo"
        and c.content_hash = r."contentHash" and c.items = r.items
        and (c.completed_at is null or (not r."gaveUp" and c.failed = c.items))`,
    [JSON.stringify(results)],
  )
  return completed.rowCount
}

const now =
  (knex: Knex) =>
  (laterMs = 0): Knex.Raw =>
    knex.raw(`clock_timestamp() + ? * interval '1 millisecond'`, [laterMs])

/** 40001 serialization_failure, 40P01 deadlock_detected, 55P03 lock_not_available. */
const RETRYABLE = new Set(['40001', '40P01', '55P03'])

function isRetryable(error: unknown): boolean {
  return RETRYABLE.has(codeOf(error))
}

/** Connection exceptions, insufficient resources (disk, memory, connections), system errors, refused log-ins. */
const AWAY_CLASSES = new Set(['08', '53', '58', '28'])
const AWAY = new Set([
  '25006', // read_only_sql_transaction: a server that has become a standby
  '25P03', // idle_in_transaction_session_timeout
  '25P04', // transaction_timeout
  '3D000', // invalid_catalog_name: the database is not there
  '3F000', // invalid_schema_name
  '42501', // insufficient_privilege
  '42703', // undefined_column: not migrated yet
  '42P01', // undefined_table: not migrated yet
  '57014', // query_canceled: statement_timeout, too
  '57P01', // admin_shutdown
  '57P02', // crash_shutdown
  '57P03', // cannot_connect_now: starting up, recovering
  '57P04', // database_dropped
  '57P05', // idle_session_timeout
])

function isAway(error: unknown): boolean {
  const code = codeOf(error)
  return isOutOfReach(error) || AWAY.has(code) || AWAY_CLASSES.has(code.slice(0, 2))
}

/** 53: full, out of memory. 42: rights are missing, or tables and columns. */
const isUnfit = (error: unknown): boolean =>
  /^(25006|53[^3]..|42...)$/.test(codeOf(error)) && isAway(error)

const codeOf = (error: unknown): string => (error as { code?: string }).code ?? ''

/** A number of our own. The lock is held until the transaction ends. */
const MIGRATION_LOCK = 7_310_245_118

async function tryMigrationLock(trx: Transaction): Promise<boolean> {
  // A migration may take as long as it does.
  await trx.raw('set local statement_timeout = 0')
  const { rows } = await trx.raw<{ rows: { taken: boolean }[] }>(
    'select pg_try_advisory_xact_lock(?) as taken',
    [MIGRATION_LOCK],
  )
  return rows[0]!.taken
}
