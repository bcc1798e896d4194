import { setTimeout as sleep } from 'node:timers/promises'
import type { Knex } from 'knex'
import { Taken, type Database, type KeyClaim, type Transaction, type User } from '../database.ts'
import { ProductCopyError } from '../errors.ts'
import { compareKeys, keyText, type ProductKey } from './product-key.ts'

/**
 * The keys of the live products. Every entry (a chunk, an import, the API, a rename, a restore) writes
 * `product_unique` by these functions alone, and so keeps the one promise in the one way.
 */

/**
 * How often a piece of work may lose a key to another writer before it gives up. Each loss means that
 * somebody created or deleted one of the same products within the last milliseconds, or that an id
 * was given out twice: the next round makes new ones.
 */
const MAX_ROUNDS = 20
/** The pause before the next round grows, or many writers of the same products keep each other losing. */
const PAUSE_MS = { first: 5, longest: 200 }

/**
 * Runs work that claims keys, again from its start when it throws `Taken`; its rounds count from 1.
 * @throws ProductCopyError `contended` when that happens again and again; nothing is written then
 */
export async function untilSettled<T>(work: (round: number) => Promise<T>): Promise<T> {
  for (let round = 1; round <= MAX_ROUNDS; round++) {
    try {
      return await work(round)
    } catch (error) {
      if (!(error instanceof Taken)) throw error
    }
    await sleep(Math.random() * Math.min(PAUSE_MS.longest, PAUSE_MS.first * 2 ** round))
  }
  throw new ProductCopyError(
    'contended',
    `gave up after ${MAX_ROUNDS} rounds: other writers keep creating and deleting the same products`,
  )
}

/** @returns the ids of the live products that hold some of the keys, by `keyText` */
export async function findOwners(
  { dialect }: Database,
  connection: Knex,
  keys: ProductKey[],
): Promise<Map<string, string>> {
  if (keys.length === 0) return new Map()
  const owners = await dialect.findKeyOwners(connection, keys)
  return new Map(owners.map((owner) => [keyText(owner), owner.id]))
}

/**
 * Claims keys for products, in the order that all writers keep; sorts `claims`. Keys that another
 * writer has in hand are waited for.
 *
 * @returns the winners' ids, by the ids of the products that did not get their key
 * @throws Taken when a winner was deleted again meanwhile, or an id is in use
 */
export async function claimKeys(
  database: Database,
  trx: Transaction,
  claims: KeyClaim[],
  user: User,
): Promise<Map<string, string>> {
  if (claims.length === 0) return new Map()
  claims.sort((a, b) => compareKeys(a.key, b.key))
  const refused = new Set(await database.dialect.insertKeys(trx, claims, user))
  if (refused.size === 0) return new Map()
  const lost = claims.filter(({ id }) => refused.has(id))
  // The transaction is READ COMMITTED: who was waited for can be seen now.
  const owners = await findOwners(
    database,
    trx,
    lost.map(({ key }) => key),
  )
  const winners = new Map<string, string>()
  for (const { id, key } of lost) {
    const winner = owners.get(keyText(key))
    if (winner === undefined) throw new Taken()
    winners.set(id, winner)
  }
  return winners
}

/** Lets go of a product's key, if it has one. */
export async function releaseKey(trx: Transaction, id: string): Promise<void> {
  await releaseKeys(trx, [id])
}

/** Lets go of the keys that some of the products have. */
export async function releaseKeys(trx: Transaction, ids: string[]): Promise<void> {
  if (ids.length > 0) await trx('product_unique').whereIn('id', ids).delete()
}

/**
 * Hands a product's key to another product, so that at no moment anybody else can take it.
 * @throws Taken when `from` has no key any more
 */
export async function handOverKey(trx: Transaction, from: string, to: string): Promise<void> {
  await releaseKey(trx, to)
  const handed = await trx('product_unique').where({ id: from }).update({ id: to })
  if (handed !== 1) throw new Taken()
}
