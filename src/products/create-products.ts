import { quoted } from '../errors.ts'
import {
  Taken,
  type Database,
  type NewId,
  type NewProductRow,
  type Transaction,
  type User,
} from '../database.ts'
import type { DuplicatePolicy, Outcome } from '../messages.ts'
import type { Brands } from './brands.ts'
import { canonicalText, compareKeys, keyText } from './product-key.ts'
import { claimKeys, findOwners, untilSettled } from './product-unique.ts'
import { userProblem, type ReadProduct, type Unreadable } from './read-product.ts'

export const DUPLICATE_ERROR = 'duplicate products detected, refresh and retry'
const BATCH_REFUSED = 'batch refused because of its duplicates, may be tried again'

export interface Batch {
  /** Its items, as `readProduct` reads them: what they were read from is not held any more. */
  products: (ReadProduct | Unreadable)[]
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

/** The items of a batch that was read: those that can never succeed have their outcome now. */
interface ReadBatch {
  outcomes: (Outcome | undefined)[]
  /** By their keys. */
  candidates: Candidate[]
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
  const read = await readBatch(batch, options)
  return untilSettled((round) =>
    database.inTransaction(async (trx) => {
      // Most keys are free, and to claim them tells so by itself; where one is not, we look first.
      const look = round > 1 || batch.policy === 'fail'
      const keys = look ? read.candidates.map(({ product }) => product.key) : []
      const owners = await findOwners(database, trx, keys)
      const outcomes = await create(
        database,
        trx,
        batch,
        decide(batch, read, owners, options.newId),
      )
      await options.beforeCommit?.(trx, outcomes)
      return outcomes
    }),
  )
}

/** What is to become of a batch, if nobody takes one of its keys in between. */
interface Decided {
  outcomes: Outcome[]
  rows: NewProductRow[]
}

/** @throws Taken when the batch has to be decided again */
async function create(
  database: Database,
  trx: Transaction,
  { policy, user }: Batch,
  { outcomes, rows }: Decided,
): Promise<Outcome[]> {
  const winners = await claimKeys(database, trx, rows, user)
  if (winners.size > 0 && policy === 'fail') throw new Taken()
  const won = winners.size === 0 ? rows : rows.filter(({ id }) => !winners.has(id))
  if (won.length > 0) await database.dialect.insertProducts(trx, won, user)
  return winners.size === 0 ? outcomes : outcomes.map((outcome) => withWinner(outcome, winners))
}

function withWinner(outcome: Outcome, winners: Map<string, string>): Outcome {
  const winner = 'id' in outcome ? winners.get(outcome.id) : undefined
  return winner === undefined ? outcome : { outcome: 'existing', id: winner }
}

async function readBatch(batch: Batch, options: CreateOptions): Promise<ReadBatch> {
  const badUser = userProblem(batch.user)
  const products: (ReadProduct | { reason: string })[] =
    badUser === undefined ? batch.products : batch.products.map(() => ({ reason: badUser }))
  const names = new Set<string>()
  for (const product of products) if (!('reason' in product)) names.add(product.brand)
  const brands = await options.brands(names)
  const brandIds = new Map([...names].map((name) => [name, brands.get(canonicalText(name))?.id]))
  // Of its length from the start: filled in the order of the keys, it would become a map of indexes.
  const outcomes = new Array<Outcome | undefined>(products.length).fill(undefined)
  const candidates: Candidate[] = []
  for (const [index, product] of products.entries()) {
    if ('reason' in product) {
      outcomes[index] = { outcome: 'rejected', reason: product.reason }
      continue
    }
    const brandId = brandIds.get(product.brand)
    if (brandId !== undefined) candidates.push({ index, product, brandId })
    else {
      outcomes[index] = { outcome: 'rejected', reason: `unknown brand ${quoted(product.brand)}` }
    }
  }
  // Equal keys stand beside each other, in the order of their items, of which the first one is created.
  candidates.sort((a, b) => compareKeys(a.product.key, b.product.key))
  return { outcomes, candidates }
}

/** @param owners who is known to hold some of the keys */
function decide(
  { policy }: Batch,
  read: ReadBatch,
  owners: Map<string, string>,
  newId: NewId,
): Decided {
  const outcomes = [...read.outcomes]
  const rows: NewProductRow[] = []
  for (const { index, product, brandId } of read.candidates) {
    const { key } = product
    const before = rows.at(-1)
    const mine = before && compareKeys(before.key, key) === 0 ? before.id : undefined
    const existing = mine ?? (owners.size > 0 ? owners.get(keyText(key)) : undefined)
    if (existing !== undefined) {
      outcomes[index] = { outcome: 'existing', id: existing }
      continue
    }
    const id = newId()
    outcomes[index] = { outcome: 'created', id }
    rows.push({ id, key, brandId, product })
  }
  const decided = outcomes as Outcome[]
  const duplicates = rows.length < read.candidates.length
  if (duplicates && policy === 'fail') {
    return { outcomes: refused(decided, new Set(owners.values())), rows: [] }
  }
  return { outcomes: decided, rows }
}

/** Nothing of a strict batch with a duplicate is written, and each item is told its part. */
function refused(outcomes: Outcome[], live: Set<string>): Outcome[] {
  return outcomes.map((outcome) => {
    if (outcome.outcome === 'created') return { outcome: 'failed', reason: BATCH_REFUSED }
    if (outcome.outcome !== 'existing') return outcome
    // An item that repeats an earlier one of its batch names no product: none was created.
    const existingId = live.has(outcome.id) ? { existingId: outcome.id } : {}
    return { outcome: 'rejected', reason: DUPLICATE_ERROR, ...existingId }
  })
}
