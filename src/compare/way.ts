import type { Database, NewId, User } from '../database.ts'
import type { Item } from '../messages.ts'
import type { RedisConnection } from '../platform/redis.ts'
import type { Brand } from '../products/brands.ts'

/**
 * What a caller is told about one product: the id of the one that was created, of the one that was
 * there, or of the one because of which it was refused; or nothing that names a product.
 */
export type Answer = { outcome: 'created' | 'existing' | 'refused'; id: string } | typeof NO_ANSWER
export const NO_ANSWER = { outcome: 'none' } as const

/** What a way works with. The database is its own: the tables are there, and empty but for the brand. */
export interface Site {
  database: Database
  newId: NewId
  /** The brand of all products. */
  brand: Brand
  user: User
  /** Only where REDIS_URL is set. */
  redis?: RedisConnection
  /** What the keys in Redis begin with. */
  prefix: string
}

/** Where the comparison runs, as far as it decides which ways can. */
export interface Place {
  dialect: Database['dialect']['name']
  hasRedis: boolean
}

/** One way to keep products unique. All get the same requests. */
export interface Way {
  /** For `--ways`, and the rows of the tables. */
  name: string
  /** @returns why it cannot run there, or undefined */
  unavailable?(place: Place): string | undefined
  /** Makes its tables, and begins. */
  open(site: Site): Promise<Writer>
}

export interface Writer {
  /** The table in which the products are. */
  table: string
  /**
   * Creates products, all of different keys, as one call of a user or a system.
   * @returns an answer for each, in their order
   * @throws what a caller would get to see
   */
  create(items: Item[]): Promise<Answer[]>
  /** Deletes the live product with the key of this one, if there is one. */
  remove(item: Item): Promise<void>
  /**
   * Only of a way that answers before the work is done: resolves when it is.
   * @returns the errors of that work, which no caller has got to see
   */
  settled?(): Promise<unknown[]>
  close?(): Promise<void>
}
