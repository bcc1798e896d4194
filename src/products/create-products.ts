import { quoted } from '../errors.ts'
import type { Database, NewId, NewProductRow, Transaction, User } from '../database.ts'
import type { DuplicatePolicy, Item, Outcome } from '../messages.ts'
import type { Brands } from './brands.ts'
import { canonicalText, keyText } from './product-key.ts'
import { claimKeys, findOwners, Taken, untilSettled } from './product-unique.ts'
import { readProduct, userProblem, type ReadProduct } from './read-product.ts'

export const DUPLICATE_ERROR = 'duplicate products detected, refresh and retry'
const BATCH_REFUSED = 'batch refused because of its duplicates, may be tried again'

export interface Batch {
  items: Item[]
  policy: DuplicatePolicy
  user: User
}

export interface CreateOptions {
  newId: NewId
  /** The brands of the batch; an item of a brand that is not among them is rejected. */
  brands: (names: Set<string>) => Promise<Brands>
  /** Runs in the transaction that writes the products, so that it is committed with them or not at all. */
  beforeCommit?: (trx: Transaction, outcomes: Outcome[]) => Promise<void>
}

/** An item whose outcome is open: a product, and the position of its item in the batch. */
interface Candidate {
  index: number
  product: ReadProduct
  brandId: string
}

/**
 * Creates the products of a batch in one transaction, each unless a live product holds its key. This
 * is the only way into `product`.
 *
 * @returns one outcome for each item, in the order of the items
 * @throws ProductCopyError `contended` when other writers of the same keys won again and again;
 *   nothing of the batch is written then
 */
export async function createProducts(
  database: Database,
  batch: Batch,
  options: CreateOptions,
): Promise<Outcome[]> {
  const { rejected, candidates } = await readBatch(batch, options)
  const keys = candidates.map(({ product }) => product.key)
  return untilSettled(() =>
    database.inTransaction(async (trx) => {
      const owners = await findOwners(database, trx, keys)
      const decided = decide(batch, options.newId, rejected, candidates, owners)
      const winners = await insert(database, trx, decided.rows, batch)
      const outcomes = decided.outcomes.map((outcome) => withWinner(outcome, winners))
      await options.beforeCommit?.(trx, outcomes)
      return outcomes
    }),
  )
}

/**
 * Inserts the rows whose keys are still free.
 * @returns the winners' ids, by the ids of the rows whose keys were taken in between
 */
async function insert(
  database: Database,
  trx: Transaction,
  rows: NewProductRow[],
  { policy, user }: Batch,
): Promise<Map<string, string>> {
  const winners = await claimKeys(database, trx, rows, user)
  if (winners.size > 0 && policy === 'fail') throw new Taken()
  const won = rows.filter(({ id }) => !winners.has(id))
  if (won.length > 0 && !(await database.dialect.insertProducts(trx, won, user))) throw new Taken()
  return winners
}

function withWinner(outcome: Outcome, winners: Map<string, string>): Outcome {
  const winner = 'id' in outcome ? winners.get(outcome.id) : undefined
  return winner === undefined ? outcome : { outcome: 'existing', id: winner }
}

/** Reads the items. What can never succeed has its outcome now; the rest are candidates. */
async function readBatch(
  batch: Batch,
  options: CreateOptions,
): Promise<{ rejected: Map<number, Outcome>; candidates: Candidate[] }> {
  const rejected = new Map<number, Outcome>()
  const products: { index: number; product: ReadProduct }[] = []
  const badUser = userProblem(batch.user)
  for (const [index, item] of batch.items.entries()) {
    const product = badUser === undefined ? readProduct(item) : { reason: badUser }
    if ('reason' in product) rejected.set(index, { outcome: 'rejected', reason: product.reason })
    else products.push({ index, product })
  }
  const brands = await options.brands(new Set(products.map(({ product }) => product.brand)))
  const candidates: Candidate[] = []
  for (const { index, product } of products) {
    const brand = brands.get(canonicalText(product.brand))
    if (brand) candidates.push({ index, product, brandId: brand.id })
    else
      rejected.set(index, { outcome: 'rejected', reason: `unknown brand ${quoted(product.brand)}` })
  }
  return { rejected, candidates }
}

/** Gives each item its outcome, as the database stands, and says which rows that takes. */
function decide(
  batch: Batch,
  newId: NewId,
  rejected: Map<number, Outcome>,
  candidates: Candidate[],
  owners: Map<string, string>,
): { outcomes: Outcome[]; rows: NewProductRow[] } {
  const outcomes = new Map(rejected)
  const rows: NewProductRow[] = []
  const mine = new Map<string, string>()
  let duplicates = false
  for (const { index, product, brandId } of candidates) {
    const key = keyText(product.key)
    const existing = owners.get(key) ?? mine.get(key)
    if (existing !== undefined) {
      duplicates = true
      outcomes.set(index, { outcome: 'existing', id: existing })
      continue
    }
    const id = newId()
    mine.set(key, id)
    outcomes.set(index, { outcome: 'created', id })
    rows.push({ ...product, id, brandId })
  }
  if (duplicates && batch.policy === 'fail') {
    refuse(outcomes, new Set(owners.values()))
    return { outcomes: inOrder(batch, outcomes), rows: [] }
  }
  return { outcomes: inOrder(batch, outcomes), rows }
}

/** Strict policy: nothing of a batch with a duplicate is written, and each item is told its part. */
function refuse(outcomes: Map<number, Outcome>, live: Set<string>) {
  for (const [index, outcome] of outcomes) {
    if (outcome.outcome === 'created') {
      outcomes.set(index, { outcome: 'failed', reason: BATCH_REFUSED })
    } else if (outcome.outcome === 'existing') {
      // An item that repeats an earlier one of its batch names no product: none was created.
      const existingId = live.has(outcome.id) ? { existingId: outcome.id } : {}
      outcomes.set(index, { outcome: 'rejected', reason: DUPLICATE_ERROR, ...existingId })
    }
  }
}

const inOrder = (batch: Batch, outcomes: Map<number, Outcome>): Outcome[] =>
  batch.items.map((_, index) => outcomes.get(index)!)
