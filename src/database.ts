/** The database's contract. Every implementation passes test/contract/database.ts. */
import type { Knex } from 'knex'
import type { ProductKey } from './copy/product-key.ts'

/** A transaction is passed first and is required, so that no statement slips out of it unseen. */
export type Transaction = Knex.Transaction

export interface Database {
  /** For single statements. Inside `inTransaction` use the transaction, or the statement escapes it. */
  knex: Knex
  dialect: Dialect
  /**
   * Runs `work` in a READ COMMITTED transaction and commits it; rolls back when `work` throws.
   * Deadlocks and lock time-outs run the whole of `work` again, a bounded number of times.
   */
  inTransaction<T>(work: (trx: Transaction) => Promise<T>): Promise<T>
  /** Runs reads that all see the same moment. */
  inSnapshot<T>(work: (trx: Transaction) => Promise<T>): Promise<T>
  close(): Promise<void>
}

/** A row of product_unique that is found by its key. */
export interface KeyOwner extends ProductKey {
  id: string
}

/** One product on its way into `product` and `product_unique`. */
export interface NewProductRow {
  id: string
  key: ProductKey
  brandId: string
  name: string
  model: string
  /** Decimal with at most two places, or null where it is not known. */
  price: string | null
  attributes: Record<string, unknown>
  sourceProductId: string | null
}

export interface User {
  id: string
  name: string
}

/** What the databases say differently. Each implementation is one small file in src/platform. */
export interface Dialect {
  /** The rows of product_unique that hold one of these keys, in no particular order. */
  findKeyOwners(trx: Transaction, keys: ProductKey[]): Promise<KeyOwner[]>
  /**
   * Inserts the keys in the order given. Waits for other transactions that hold one of them.
   * @returns false when another product holds one of the keys: the transaction must be rolled back
   */
  insertKeys(trx: Transaction, rows: NewProductRow[], user: User): Promise<boolean>
  insertProducts(trx: Transaction, rows: NewProductRow[], user: User): Promise<void>
  /** SQL for this moment, later by so many milliseconds, on the database's own clock. */
  now(laterMs?: number): Knex.Raw
  /** Whether the transaction may succeed when it is run again from the start. */
  isRetryable(error: unknown): boolean
  /** Whether the error says that a unique key, known by its constraint's name, is taken. */
  isDuplicate(error: unknown, constraint: string): boolean
}

/** Makes ids: 64-bit, growing, never twice the same. */
export type NewId = () => string
