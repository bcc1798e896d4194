import type { Database, Transaction } from '../database.ts'
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
import { lockProducts, slices } from './product-rows.ts'

/** Products that one transaction deletes at the most. */
const BATCH_SIZE = 500

export const KEEP = ['oldest', 'newest'] as const
/** By the date of creation, in milliseconds, then by id. */
export type Keep = (typeof KEEP)[number]

/** What is to become of a group. */
export interface PlannedMerge {
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
): AsyncGenerator<PlannedMerge> {
  for await (const group of readGroups(database.knex, found)) yield plan(group, keep)
}

function plan({ key, owner, duplicates }: DuplicateGroup, keep: Keep): PlannedMerge {
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

/** A part of a group, as much of it as one transaction takes. */
interface Portion {
  key: ProductKey
  kept: string
  merged: string[]
}

/**
 * Deletes the products that are not kept, logically, in small transactions; `merged_into` names the one
 * that is. A group is complete after a kill at any moment, or it is found again: run it again. What
 * was renamed or deleted since it was found is left alone.
 *
 * @returns how many products were merged into others
 */
export async function mergeAll(
  database: Database,
  plans: AsyncIterable<PlannedMerge>,
  onMerged: (merged: number) => void,
): Promise<number> {
  let merged = 0
  for await (const portions of batches(plans)) {
    merged += await untilSettled(() =>
      database.inTransaction((trx) => mergePortions(database, trx, portions)),
    )
    onMerged(merged)
  }
  return merged
}

/** Never two portions of one group in a batch: a full one is a batch of its own. */
async function* batches(plans: AsyncIterable<PlannedMerge>): AsyncGenerator<Portion[]> {
  let batch: Portion[] = []
  let size = 0
  for await (const { key, kept, merged } of plans) {
    for (const some of slices(merged, BATCH_SIZE)) {
      if (size + some.length > BATCH_SIZE) {
        yield batch
        batch = []
        size = 0
      }
      batch.push({ key, kept: kept.id, merged: some.map(({ id }) => id) })
      size += some.length
    }
  }
  if (size > 0) yield batch
}

async function mergePortions(
  database: Database,
  trx: Transaction,
  portions: Portion[],
): Promise<number> {
  const ids = portions.flatMap(({ kept, merged }) => [kept, ...merged])
  await lockProducts(trx, ids)
  const live = await readLive(trx, ids)
  const done: string[] = []
  // Keys are taken in the order that all writers keep.
  for (const portion of portions.sort((a, b) => compareKeys(a.key, b.key))) {
    done.push(...(await mergePortion(database, trx, portion, live)))
  }
  // A product that another program renamed there and back may have another key.
  await releaseKeys(trx, done)
  return done.length
}

/** @returns the ids of the products that were deleted */
async function mergePortion(
  database: Database,
  trx: Transaction,
  { key, kept, merged }: Portion,
  live: Map<string, LiveProduct>,
): Promise<string[]> {
  const same = [kept, ...merged].filter((id) => {
    const one = live.get(id)
    return one !== undefined && hasKey(one, key)
  })
  const owner = same.find((id) => live.get(id)!.holdsKey)
  const others = same.filter((id) => id !== kept)
  if (owner === undefined || others.length === same.length || others.length === 0) return []
  if (owner !== kept) await handOverKey(trx, owner, kept)
  await trx('product')
    .whereIn('id', others)
    .update({ delete_status: 1, merged_into: kept, edit_time: database.dialect.now() })
  return others
}
