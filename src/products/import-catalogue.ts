import type { Database, NewId, User } from '../database.ts'
import { countOutcomes, type Item, type OutcomeCounts } from '../messages.ts'
import { ensureBrands } from './brands.ts'
import { createProducts } from './create-products.ts'
import { readProducts } from './read-product.ts'

/** Products of one transaction. */
const BATCH_SIZE = 500

/** A product of a catalogue file, and where it stands in it: the line, or the item's number. */
export interface CatalogueItem {
  at: number
  item: Item
}

export interface Rejection {
  at: number
  reason: string
}

export interface ImportResult extends OutcomeCounts {
  total: number
}

export interface ImportOptions {
  newId: NewId
  user: User
  onProgress: (result: ImportResult) => void
  onRejected: (rejection: Rejection) => void
}

/**
 * Imports a catalogue, batch after batch, in the order of the file: the first product with a key
 * keeps it. Brands that do not exist yet are created. Importing a file again changes nothing.
 */
export async function importCatalogue(
  database: Database,
  items: AsyncIterable<CatalogueItem> | Iterable<CatalogueItem>,
  options: ImportOptions,
): Promise<ImportResult> {
  const result = { total: 0, created: 0, existing: 0, rejected: 0, failed: 0 }
  for await (const batch of batches(items, BATCH_SIZE)) {
    const outcomes = await createProducts(
      database,
      {
        products: readProducts(batch.map(({ item }) => item)),
        policy: 'return-existing',
        user: options.user,
      },
      {
        newId: options.newId,
        brands: (names) => ensureBrands(database, options.newId, names),
      },
    )
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome.outcome !== 'rejected') continue
      options.onRejected({ at: batch[index]!.at, reason: outcome.reason })
    }
    const counts = countOutcomes(outcomes)
    result.total += outcomes.length
    result.created += counts.created
    result.existing += counts.existing
    result.rejected += counts.rejected
    result.failed += counts.failed
    options.onProgress(result)
  }
  return result
}

async function* batches<T>(
  items: AsyncIterable<T> | Iterable<T>,
  size: number,
): AsyncGenerator<T[]> {
  let batch: T[] = []
  for await (const item of items) {
    batch.push(item)
    if (batch.length < size) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}
