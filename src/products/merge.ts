import type { Database, Transaction } from '../database.ts'
import { slices } from '../slices.ts'
import {
  hasKey,
  readGroups,
  readLive,
  type DuplicateGroup,
  type Leftovers,
  type LiveProduct,
  type ReportedProduct,
} from './duplicates.ts'
import { compareKeys, type ProductKey } from './product-key.ts'
import { handOverKey, releaseKeys, untilSettled } from './product-unique.ts'
import { lockProducts } from './product-rows.ts'

/** Products that one transaction deletes at the most. */
const BATCH_SIZE = 500

export const KEEP = ['oldest', 'newest'] as const
/** By the date of creation, in milliseconds, then by id. */
export type Keep = (typeof KEEP)[number]

/** What is to become of a group, or has become of as much of it as one transaction takes. */
export interface Merge {
  key: ProductKey
  kept: ReportedProduct
  /** The others, the one that holds the key first. */
  merged: ReportedProduct[]
}

/** Says for each group what is to become of it, and writes nothing. */
export async function* planMerges(
  database: Database,
  found: Leftovers,
  keep: Keep,
): AsyncGenerator<Merge> {
  for await (const group of readGroups(database.knex, found)) yield plan(group, keep)
}

function plan({ key, owner, duplicates }: DuplicateGroup, keep: Keep): Merge {
  const all = [owner, ...duplicates]
  const kept = all.reduce((best, one) => (isOlder(one, best) === (keep === 'oldest') ? one : best))
  return { key, kept, merged: all.filter((one) => one !== kept) }
}

function isOlder(one: ReportedProduct, other: ReportedProduct): boolean {
  const [a, b] = [time(one), time(other)]
  return a === b ? BigInt(one.id) < BigInt(other.id) : a < b
}

/** What is no date, such as MySQL's 0000-00-00, counts as the oldest. */
const time = ({ createDate }: ReportedProduct): number => {
  const ms = Number(createDate)
  return Number.isFinite(ms) ? ms : -Infinity
}

/**
 * Deletes the products that are not kept, logically, in small transactions; `merged_into` names the one
 * that is. A group is complete after a kill at any moment, or it is found again: run it again. What
 * was renamed or deleted since it was found is left alone. It goes on as what it yields is taken.
 */
export async function* mergeAll(
  database: Database,
  plans: AsyncIterable<Merge>,
): AsyncGenerator<Merge> {
  for await (const portions of batches(plans)) {
    yield* await untilSettled(() =>
      database.inTransaction((trx) => mergePortions(database, trx, portions)),
    )
  }
}

/** Never two portions of one group in a batch: a full one is a batch of its own. */
async function* batches(plans: AsyncIterable<Merge>): AsyncGenerator<Merge[]> {
  let batch: Merge[] = []
  let size = 0
  for await (const { key, kept, merged } of plans) {
    for (const some of slices(merged, BATCH_SIZE)) {
      if (size + some.length > BATCH_SIZE) {
        yield batch
        batch = []
        size = 0
      }
      batch.push({ key, kept, merged: some })
      size += some.length
    }
  }
  if (size > 0) yield batch
}

/** @returns what was done of them */
async function mergePortions(
  database: Database,
  trx: Transaction,
  portions: Merge[],
): Promise<Merge[]> {
  const ids = portions.flatMap(({ kept, merged }) => [kept, ...merged]).map(({ id }) => id)
  await lockProducts(trx, ids)
  const live = await readLive(trx, ids)
  const done: Merge[] = []
  // Keys are taken in the order that all writers keep.
  for (const portion of portions.sort((a, b) => compareKeys(a.key, b.key))) {
    const merged = await mergePortion(database, trx, portion, live)
    if (merged.length > 0) done.push({ ...portion, merged })
  }
  // A product that another program renamed there and back may have another key.
  await releaseKeys(
    trx,
    done.flatMap(({ merged }) => merged.map(({ id }) => id)),
  )
  return done
}

/** @returns the products that were deleted */
async function mergePortion(
  database: Database,
  trx: Transaction,
  { key, kept, merged }: Merge,
  live: Map<string, LiveProduct>,
): Promise<ReportedProduct[]> {
  const same = [kept, ...merged].filter(({ id }) => {
    const one = live.get(id)
    return one !== undefined && hasKey(one, key)
  })
  const owner = same.find(({ id }) => live.get(id)!.holdsKey)
  const others = same.filter((one) => one !== kept)
  if (owner === undefined || others.length === same.length || others.length === 0) return []
  if (owner !== kept) await handOverKey(trx, owner.id, kept.id)
  const ids = others.map(({ id }) => id)
  await trx('product')
    .whereIn('id', ids)
    .update({ delete_status: 1, merged_into: kept.id, edit_time: database.dialect.now() })
  return others
}
