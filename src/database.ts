/** The database's contract. Every implementation passes test/contract/database.ts. */
import type { Knex } from 'knex'
import type { ProductKey } from './products/product-key.ts'

/** A transaction is passed first and is required, so that no statement slips out of it unseen. */
export type Transaction = Knex.Transaction

export interface Database {
  /** For single statements. Inside `inTransaction` use the transaction, or the statement escapes it. */
  knex: Knex
  dialect: Dialect
  /**
   * Runs `work` in a READ COMMITTED transaction and commits it; rolls back when `work` throws.
   * Deadlocks and lock time-outs run the whole of `work` again, bounded in number and in time.
   */
  inTransaction<T>(work: (trx: Transaction) => Promise<T>): Promise<T>
  /**
   * Runs a single statement that writes, which is a transaction of its own: two calls fewer than
   * `inTransaction`, and run again in the same way.
   */
  inStatement<T>(statement: (knex: Knex) => PromiseLike<T>): Promise<T>
  /** Runs reads that all see the same moment. */
  inSnapshot<T>(work: (trx: Transaction) => Promise<T>): Promise<T>
  close(): Promise<void>
}

/** Thrown within a transaction: a key or an id was taken in between, and it cannot go on. */
export class Taken extends Error {}

/** A row of product_unique that is found by its key. */
export interface KeyOwner extends ProductKey {
  id: string
}

/** A product's id with the key that it is to have in `product_unique`. */
export interface KeyClaim {
  id: string
  key: ProductKey
}

/** One product on its way into `product` and `product_unique`. */
export interface NewProductRow extends KeyClaim {
  brandId: string
  product: ProductFields
}

/** What of a product is stored as it is given. */
export interface ProductFields {
  name: string
  model: string
  /** Decimal with at most two places, or null where it is not known. */
  price: string | null
  /** An object, as JSON. */
  attributes: string
  sourceProductId: string | null
}

/** A row of copy_result as it is written. */
export interface NewResultRow {
  request_id: string
  chunk_no: number
  content_hash: string
  message_group: string
  body: string
}

/** What is written of a result into the row of its chunk. */
export interface ChunkResult {
  requestId: string
  chunkNo: number
  contentHash: string
  /** As `writeOutcomes` writes them. */
  outcomes: string
  items: number
  created: number
  existing: number
  rejected: number
  failed: number
  gaveUp: boolean
}

export interface User {
  id: string
  name: string
}

/** What the databases say differently. Each implementation is one small file in src/platform. */
export interface Dialect {
  /** The folder of its migrations in `sql`. */
  name: 'mysql' | 'postgres'
  /** The rows of product_unique that hold one of these keys, in no particular order. */
  findKeyOwners(connection: Knex, keys: ProductKey[]): Promise<KeyOwner[]>
  /**
   * Inserts the keys in the order given. Waits for other transactions that hold one of them.
   * @returns the ids of the rows that were not inserted. Some of them have a key or an id that another
   *   product has; where one row fails all, all of them are there.
   * @throws Taken when an id is in use, where that ends the transaction
   */
  insertKeys(trx: Transaction, claims: KeyClaim[], user: User): Promise<string[]>
  /** @throws Taken when another product has one of the ids */
  insertProducts(trx: Transaction, rows: NewProductRow[], user: User): Promise<void>
  /**
   * Inserts a row. Waits for another transaction that inserts the same.
   * @returns false when a unique key of it is taken: nothing is inserted then, and the transaction goes on
   */
  insertUnlessTaken(trx: Transaction, table: string, row: object): Promise<boolean>
  /**
   * Inserts results, claimed for so many milliseconds or not at all. Waits for another transaction that inserts the same.
   * @returns false when one of them is there already: of a single one nothing is inserted then, and the
   *   transaction goes on; of several some may be, and it must be rolled back
   */
  insertResults(trx: Transaction, results: NewResultRow[], claimMs: number | null): Promise<boolean>
  /**
   * Completes the open chunks that results belong to: those of the same name, hash and number of items.
   * A chunk that was given up counts as open, unless the result says so once more.
   * @returns how many were completed
   */
  completeChunks(connection: Knex, results: ChunkResult[]): Promise<number>
  /** SQL for this moment, later by so many milliseconds, on the database's own clock. */
  now(laterMs?: number): Knex.Raw
  /** Whether the transaction may succeed when it is run again from the start. */
  isRetryable(error: unknown): boolean
  /**
   * Whether the error says that the database is out of reach, or cannot work for anybody right now,
   * rather than that these rows are at fault: what waits for it is to be held, not given up.
   */
  isAway(error: unknown): boolean
  /**
   * Whether such an error comes from a database that answers and still cannot do its work: read-only,
   * full, not migrated, without rights. Asking it something simple does not show when that is over.
   */
  isUnfit(error: unknown): boolean
  /**
   * Takes the lock that lets one process at a time migrate. It ends with the process's connection.
   * @returns false when another process holds it
   */
  tryMigrationLock(trx: Transaction): Promise<boolean>
  releaseMigrationLock(trx: Transaction): Promise<void>
}

/** Makes ids: 64-bit, growing, never twice the same. */
export type NewId = () => string
