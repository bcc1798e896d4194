import { setTimeout as sleep } from 'node:timers/promises'
import { DEFAULT_NAME_TEMPLATE } from '../src/copy/name-template.ts'
import { recordCopyRequest } from '../src/copy/record-request.ts'
import { copyRequestStatus } from '../src/copy/request-status.ts'
import type { Database, NewId } from '../src/database.ts'
import { ensureBrands } from '../src/products/brands.ts'
import { createProducts } from '../src/products/create-products.ts'
import { readProducts } from '../src/products/read-product.ts'
import { type Range, SOURCE, sourceProduct, TARGETS, USER, WARM_UP } from './catalogue.ts'
import type { Pass, Place } from './way.ts'

/** Each question takes a millisecond of the machine that is measured. */
const POLL_MS = 100

/** Makes the products that are copied: those that count, and those of the warm-up. */
export async function fillSources(
  database: Database,
  newId: NewId,
  { products, warmUp }: Place,
): Promise<void> {
  await fillSource(database, newId, SOURCE, { first: 0, products })
  await fillSource(database, newId, WARM_UP, { first: products, products: warmUp })
}

/** @returns what records a request for a range of copies, and resolves when the request is completed */
export const copying =
  (database: Database, newId: NewId): Pass['pass'] =>
  async ({ first, products }) => {
    const id = await request(database, newId, first === 0 ? SOURCE : WARM_UP)
    return untilDone(database, id, products)
  }

export async function fillSource(
  database: Database,
  newId: NewId,
  brand: string,
  range: Range,
): Promise<void> {
  const brands = await ensureBrands(database, newId, [brand, ...TARGETS])
  const end = Math.ceil((range.first + range.products) / TARGETS.length)
  for (let start = range.first / TARGETS.length; start < end; start += 1000) {
    const length = Math.min(1000, end - start)
    const items = Array.from({ length }, (_, i) => ({ brand, ...sourceProduct(start + i) }))
    await createProducts(
      database,
      { products: readProducts(items), policy: 'fail', user: USER },
      { newId, brands: () => Promise.resolve(brands) },
    )
  }
}

export async function request(
  database: Database,
  newId: NewId,
  sourceBrand: string,
): Promise<string> {
  const { id } = await recordCopyRequest(database, newId, {
    sourceBrand,
    targetBrands: TARGETS,
    nameTemplate: DEFAULT_NAME_TEMPLATE,
    policy: 'return-existing',
    user: USER,
  })
  return id
}

/**
 * @returns for how many milliseconds the request had been completed when that was noticed
 * @throws unless every item was created
 */
export async function untilDone(database: Database, id: string, items: number): Promise<number> {
  const { knex, dialect } = database
  const look = async () => {
    const [row] = await knex('copy_request')
      .where({ id })
      .whereNotNull('completed_at')
      .select<{ completed_at: Date; now: Date }[]>(
        'completed_at',
        knex.raw('? as now', [dialect.now()]),
      )
    return row
  }
  let done = await look()
  while (!done) {
    await sleep(POLL_MS)
    done = await look()
  }
  const noticedAfter = done.now.getTime() - done.completed_at.getTime()
  const status = await copyRequestStatus(database, id)
  if (status.created !== items) throw new Error(`not all were created: ${JSON.stringify(status)}`)
  return noticedAfter
}
