import { findBrands, type Brands } from '../src/products/brands.ts'
import { createProducts } from '../src/products/create-products.ts'
import { readProducts } from '../src/products/read-product.ts'
import type { Database, NewId } from '../src/database.ts'
import type { Item } from '../src/messages.ts'
import { batchesOf, type Range, TARGETS, USER } from './catalogue.ts'

/** What is done with a job, whichever queue it came by: our own transaction, without a result row. */
export interface Job {
  items: Item[]
}

/**
 * What is submitted by one call at the most. All 200,000 products in one call cost pg-boss and
 * graphile-worker a quarter of their rate, for the workers wait until it is there; from 2,000 to 20,000
 * there is no difference.
 */
const CALL = { jobs: 200, products: 10_000 }

/** The jobs of a range of products, in lists that are submitted by one call. */
export function* bulksOf(range: Range, jobSize: number): Generator<Job[]> {
  const most = Math.min(CALL.jobs, Math.floor(CALL.products / jobSize))
  let jobs: Job[] = []
  for (const items of batchesOf(range, jobSize)) {
    jobs.push({ items })
    if (jobs.length < most) continue
    yield jobs
    jobs = []
  }
  if (jobs.length > 0) yield jobs
}

export async function createJobHandler(
  database: Database,
  newId: NewId,
): Promise<(job: Job) => Promise<number>> {
  const brands: Brands = await findBrands(database, TARGETS)
  return async ({ items }) => {
    const outcomes = await createProducts(
      database,
      { products: readProducts(items), policy: 'return-existing', user: USER },
      { newId, brands: () => Promise.resolve(brands) },
    )
    return outcomes.filter(({ outcome }) => outcome === 'created').length
  }
}
