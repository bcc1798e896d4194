import type { Database, KeyClaim } from '../database.ts'
import { slices } from '../slices.ts'
import { addDuplicate, liveWithoutKey, type Leftovers } from './duplicates.ts'
import { keyText } from './product-key.ts'
import { claimKeys, findOwners, releaseKeys, untilSettled } from './product-unique.ts'
import {
  countRows,
  HELD_KEY,
  heldKeys,
  idRanges,
  isOwnKey,
  lockProducts,
  type HeldKey,
  type ProductText,
} from './product-rows.ts'
import { storedKey } from './read-product.ts'

/** Products of one transaction. Who wants to change one of them waits for as long as that takes. */
const BATCH_SIZE = 500
/** Keys that are looked at by one statement, without a lock. */
const PAGE_SIZE = 5000
/**
 * Passes at the most. The second one finds what came behind the first; programs that never stop
 * writing past this one would keep it going for ever.
 */
const MAX_PASSES = 10
/** Whom `product_unique` names for keys that nobody asked for himself. */
const ADOPTER = { id: 'adopt', name: 'adopt' }

/** What an adoption did, and what it had to leave. */
export interface Adoption extends Leftovers {
  /** Live products that got their key. */
  adopted: number
  /** Rows of `product_unique` that were removed: without a live product, or with the key of another text. */
  released: number
  /** Whether the last pass found nothing more to do. */
  settled: boolean
}

export interface AdoptOptions {
  /** Products that were walked, of those to walk; another pass adds to both. */
  onProgress: (done: number, total: number) => void
}

/**
 * Gives each live product its key that has none, the one with the least id where several want the
 * same; while writers go on, also those that write `product` alone. It keeps no state of its own: what
 * has its key is done, so that it can be ended at any moment and run again.
 *
 * Rows of `product_unique` that say something wrong, because another program deleted or renamed their
 * product, are removed first: they would keep its key from a live product for ever.
 */
export async function adopt(database: Database, { onProgress }: AdoptOptions): Promise<Adoption> {
  const counts = { adopted: 0, released: 0 }
  const products = await countRows(database.knex, 'product')
  for (let pass = 1; ; pass++) {
    const released = await releaseWrongKeys(database)
    const left: Leftovers = { duplicates: new Map(), unadoptable: [] }
    let adopted = 0
    let walked = 0
    for await (const range of idRanges(database.knex, 'product', BATCH_SIZE)) {
      const ids = (await liveWithoutKey(database.knex, range)).map(({ id }) => id)
      // More than one batch where many were written since the range was made.
      for (const some of slices(ids, BATCH_SIZE)) adopted += await adoptBatch(database, some, left)
      walked = Math.min(walked + BATCH_SIZE, products)
      onProgress((pass - 1) * products + walked, pass * products)
    }
    counts.released += released
    counts.adopted += adopted
    const settled = released + adopted === 0
    if (settled || pass === MAX_PASSES) return { ...counts, ...left, settled }
  }
}

/** Claims the keys of some products; adds to `left` what cannot have its key. @returns how many got it */
async function adoptBatch(database: Database, ids: string[], left: Leftovers): Promise<number> {
  const batch = await untilSettled(() =>
    database.inTransaction(async (trx) => {
      const products = await lockProducts(trx, ids)
      const keyed = await trx('product_unique').whereIn('id', ids).pluck<string[]>('id')
      const { wanted, unadoptable } = readKeys(products, new Set(keyed))
      const owners = await findOwners(
        database,
        trx,
        wanted.map(({ key }) => key),
      )
      const claims: KeyClaim[] = []
      for (const claim of wanted) {
        if (owners.has(keyText(claim.key))) continue
        owners.set(keyText(claim.key), claim.id)
        claims.push(claim)
      }
      const winners = await claimKeys(database, trx, claims, ADOPTER)
      return { wanted, unadoptable, owners, winners }
    }),
  )
  let adopted = 0
  for (const { id, key } of batch.wanted) {
    const first = batch.owners.get(keyText(key))!
    const owner = batch.winners.get(first) ?? first
    if (owner === id) adopted++
    else addDuplicate(left, owner, id)
  }
  left.unadoptable.push(...batch.unadoptable)
  return adopted
}

/** The keys that locked products are to have: those that are still live and without one. */
function readKeys(products: ProductText[], keyed: Set<string>) {
  const wanted: KeyClaim[] = []
  const unadoptable: string[] = []
  for (const product of products) {
    if (product.delete_status !== 0 || keyed.has(product.id)) continue
    const key = storedKey(product)
    if ('reason' in key) unadoptable.push(product.id)
    else wanted.push({ id: product.id, key })
  }
  return { wanted, unadoptable }
}

/** Removes the keys that are no live product's own. @returns how many */
async function releaseWrongKeys(database: Database): Promise<number> {
  let released = 0
  for await (const range of idRanges(database.knex, 'product_unique', PAGE_SIZE)) {
    const held: HeldKey[] = await heldKeys(database.knex, range).select(COLUMNS)
    for (const ids of slices(wrongOnes(held), BATCH_SIZE)) {
      released += await database.inTransaction(async (trx) => {
        // Who renames or restores one of them meanwhile is waited for, and seen.
        await lockProducts(trx, ids)
        const now: HeldKey[] = await heldKeys(trx, range).whereIn('held.id', ids).select(COLUMNS)
        const wrong = wrongOnes(now)
        await releaseKeys(trx, wrong)
        return wrong.length
      })
    }
  }
  return released
}

const COLUMNS = { id: 'held.id', ...HELD_KEY }

/** @returns the ids of those among some keys that are no live product's own */
const wrongOnes = (keys: HeldKey[]): string[] =>
  keys.filter((key) => !isOwnKey(key)).map(({ id }) => id)
