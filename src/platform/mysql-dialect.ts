import type { Knex } from 'knex'
import { escape, raw } from 'mysql2'
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

/**
 * MySQL and MariaDB. Duplicates are errors here, for INSERT IGNORE would cut long texts and turn NULL
 * into '' as well; they are told apart by the statement, for MariaDB's message only says 'PRIMARY'.
 */
export function mysqlDialect(knex: Knex): Dialect {
  return {
    name: 'mysql',
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
    releaseMigrationLock,
  }
}

/**
 * A join with `straight_join` and `force index`, for one look-up of the index for each key whatever
 * the statistics say. A list of (name, model) pairs is as fast, but MariaDB makes a subquery of one
 * with 1000 pairs.
 */
async function findKeyOwners(connection: Knex, keys: ProductKey[]): Promise<KeyOwner[]> {
  const [owners] = (await connection.raw(
    `select u.id, u.name, u.model
       from json_table(?, '$[*]' columns (
              name varchar(130) character set utf8mb4 collate utf8mb4_bin path '$.name',
              model varchar(255) character set utf8mb4 collate utf8mb4_bin path '$.model')) as k
       straight_join product_unique as u force index (ux_name_model)
          on u.name = k.name and u.model = k.model`,
    [JSON.stringify(keys)],
  )) as [KeyOwner[], unknown]
  return owners
}

/** All or none: one duplicate undoes the whole statement. */
async function insertKeys(trx: Transaction, claims: KeyClaim[], user: User): Promise<string[]> {
  const by = [user.id, user.name].map(literal).join()
  const inserted = await insertRows(
    trx,
    'insert into product_unique (id, name, model, user_id, user_name) values ?',
    claims.map(({ id, key }) => rowOf(literal(id), literal(key.name), literal(key.model), by)),
  )
  return inserted ? [] : claims.map(({ id }) => id)
}

async function insertProducts(trx: Transaction, rows: NewProductRow[], user: User): Promise<void> {
  const by = [user.id, user.name].map(literal).join()
  const inserted = await insertRows(
    trx,
    `insert into product
       (id, brand_id, name, model, price, attributes, source_product_id, user_id, user_name)
     values ?`,
    rows.map(({ id, brandId, product }) =>
      rowOf(
        literal(id),
        literal(brandId),
        literal(product.name),
        literal(product.model),
        literal(product.price),
        literal(product.attributes),
        literal(product.sourceProductId),
        by,
      ),
    ),
  )
  if (!inserted) throw new Taken()
}

type Value = string | number | bigint | null | ReturnType<typeof raw>

/** Not the double quotes of JSON, which mean nothing in single ones: `escape` takes long for a text with many. */
const TO_ESCAPE = /[\p{Cc}'\\]/u

const literal = (value: Value): string =>
  typeof value === 'string' && !TO_ESCAPE.test(value) ? `'${value}'` : escape(value)

/** Joined by itself: a text that is put together of thousands of unjoined ones costs twice as much. */
const rowOf = (...literals: string[]): string => `(${literals.join()})`

/** As text, for knex and mysql2 would go through each value, and hold them all until the database answers. */
const insertRows = (trx: Transaction, sql: string, rows: string[]): Promise<boolean> =>
  unlessTaken(trx.raw(sql, [verbatim(rows.join())]))

/** SQL in the place of a value, which mysql2 knows and knex hands on. */
const verbatim = (sql: string) => raw(sql) as unknown as Knex.RawBinding

const insertUnlessTaken = (trx: Transaction, table: string, row: object): Promise<boolean> =>
  unlessTaken(trx(table).insert(row))

function insertResults(
  trx: Transaction,
  results: NewResultRow[],
  claimMs: number | null,
): Promise<boolean> {
  const claim =
    claimMs === null ? null : raw(`utc_timestamp(6) + interval ${claimMs * 1000} microsecond`)
  return insertRows(
    trx,
    `insert into copy_result
       (request_id, chunk_no, content_hash, message_group, body, claimed_until)
     values ?`,
    results.map(({ request_id, chunk_no, content_hash, message_group, body }) =>
      rowOf(...[request_id, chunk_no, content_hash, message_group, body, claim].map(literal)),
    ),
  )
}

/** After a duplicate the statement is undone, and the transaction is still open. */
async function unlessTaken(insert: PromiseLike<unknown>): Promise<boolean> {
  try {
    await insert
    return true
  } catch (error) {
    if (errnoOf(error) === DUPLICATE_ENTRY) return false
    throw error
  }
}

async function completeChunks(connection: Knex, results: ChunkResult[]): Promise<number> {
  const table = tableOf(
    results.map((result) => ({
      request_id: BigInt(result.requestId),
      chunk_no: result.chunkNo,
      content_hash: result.contentHash,
      outcomes: result.outcomes,
      items: result.items,
      created: result.created,
      existing: result.existing,
      rejected: result.rejected,
      failed: result.failed,
      gave_up: Number(result.gaveUp),
    })),
  )
  const [{ affectedRows }] = (await connection.raw(
    `update ? as r
       straight_join copy_chunk as c force index (primary)
          on c.request_id = r.request_id and c.chunk_no = r.chunk_no
         set c.outcomes = r.outcomes, c.created = r.created, c.existing = r.existing,
             c.rejected = r.rejected, c.failed = r.failed, c.completed_at = utc_timestamp(6)
       where c.content_hash = r.content_hash and c.items = r.items
         and (c.completed_at is null or (r.gave_up = 0 and c.failed = c.items))`,
    [verbatim(table)],
  )) as [{ affectedRows: number }, unknown]
  return affectedRows
}

/** Rows as a table to join with. JSON_TABLE takes two to three times as long for a result's long text, measured in MariaDB. */
function tableOf(rows: Record<string, Value>[]): string {
  const [first, ...others] = rows
  const named = Object.entries(first!).map(([name, value]) => `${literal(value)} as ${name}`)
  const selects = [named, ...others.map((row) => Object.values(row).map(literal))]
  return `(${selects.map((values) => `select ${values.join(',')}`).join(' union all ')})`
}

const now =
  (knex: Knex) =>
  (laterMs = 0): Knex.Raw =>
    knex.raw('utc_timestamp(6) + interval ? microsecond', [laterMs * 1000])

/** Numbers, for the names that the driver gives to MariaDB's are those of MySQL. */
const DUPLICATE_ENTRY = 1062
const RETRYABLE = new Set([
  1205, // ER_LOCK_WAIT_TIMEOUT; the transaction stays open, and knex rolls it back
  1213, // ER_LOCK_DEADLOCK
])

const isRetryable = (error: unknown): boolean => RETRYABLE.has(errnoOf(error))

const AWAY = new Set([
  1021, // ER_DISK_FULL
  1026, // ER_ERROR_ON_WRITE
  1030, // ER_GET_ERRNO: an error of the storage engine, as of a full disk
  1037, // ER_OUTOFMEMORY
  1040, // ER_CON_COUNT_ERROR: too many connections
  1041, // ER_OUT_OF_RESOURCES
  1044, // ER_DBACCESS_DENIED_ERROR
  1045, // ER_ACCESS_DENIED_ERROR
  1047, // Galera: the node is not ready
  1049, // ER_BAD_DB_ERROR: the database is not there
  1053, // ER_SERVER_SHUTDOWN
  1054, // ER_BAD_FIELD_ERROR: not migrated yet
  1077, // ER_NORMAL_SHUTDOWN
  1079, // ER_SHUTDOWN_COMPLETE
  1114, // ER_RECORD_FILE_FULL
  1129, // ER_HOST_IS_BLOCKED
  1130, // ER_HOST_NOT_PRIVILEGED
  1142, // ER_TABLEACCESS_DENIED_ERROR
  1146, // ER_NO_SUCH_TABLE: not migrated yet
  1203, // ER_TOO_MANY_USER_CONNECTIONS
  1206, // ER_LOCK_TABLE_FULL
  1226, // ER_USER_LIMIT_REACHED
  1290, // ER_OPTION_PREVENTS_STATEMENT: read-only, after a fail-over
  1317, // ER_QUERY_INTERRUPTED
  1637, // ER_TOO_MANY_CONCURRENT_TRXS
  1698, // ER_ACCESS_DENIED_NO_PASSWORD_ERROR
  1792, // ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION
  1836, // ER_READ_ONLY_MODE
  1927, // MariaDB: ER_CONNECTION_KILLED
  1969, // MariaDB: ER_STATEMENT_TIMEOUT
  3024, // MySQL: ER_QUERY_TIMEOUT
  3032, // MySQL: ER_SERVER_OFFLINE_MODE
  3169, // MySQL: ER_SESSION_WAS_KILLED
  4031, // MySQL: ER_CLIENT_INTERACTION_TIMEOUT
])

const isAway = (error: unknown): boolean => isOutOfReach(error) || AWAY.has(errnoOf(error))

/** Full, out of memory, without rights, without tables, read-only. */
const UNFIT = new Set([
  1021, 1026, 1030, 1037, 1041, 1044, 1054, 1114, 1142, 1146, 1206, 1290, 1637, 1792, 1836,
])

const isUnfit = (error: unknown): boolean => UNFIT.has(errnoOf(error))

const errnoOf = (error: unknown): number => Number((error as { errno?: unknown }).errno)

/** The lock's name holds for the whole server, and has 64 characters at the most. */
const MIGRATION_LOCK = `concat('product-copy ', sha1(database()))`

/** Held by the connection, through the commits that DDL makes by itself. */
async function tryMigrationLock(trx: Transaction): Promise<boolean> {
  const [rows] = (await trx.raw(`select get_lock(${MIGRATION_LOCK}, 0) = 1 as taken`)) as [
    { taken: number }[],
    unknown,
  ]
  return rows[0]!.taken === 1
}

async function releaseMigrationLock(trx: Transaction): Promise<void> {
  await trx.raw(`do release_lock(${MIGRATION_LOCK})`)
}
