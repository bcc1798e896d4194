import { badInput, ProductCopyError, quoted } from '../errors.ts'
import type { Database, NewId } from '../database.ts'
import { canonicalText } from './product-key.ts'
import { MAX_LENGTH, textProblem } from './read-product.ts'

export interface Brand {
  id: string
  name: string
}

/** Brands by the canonical text of their name. */
export type Brands = Map<string, Brand>

const brandProblem = (name: string) => textProblem('brand', name, MAX_LENGTH.brand)

/** Finds the brands that exist among these names. */
export async function findBrands(database: Database, names: Iterable<string>): Promise<Brands> {
  // A text that no brand can have is not asked for: on a NUL PostgreSQL ends with an error.
  const possible = [...names].filter((name) => brandProblem(name) === undefined)
  const keys = [...new Set(possible.map(canonicalText))]
  const rows = await database
    .knex<Brand & { name_key: string }>('brand')
    .select('id', 'name', 'name_key')
    .whereIn('name_key', keys)
  return new Map(rows.map((row) => [row.name_key, { id: row.id, name: row.name }]))
}

/** A brand is never changed or removed by this program; where somebody else does, it is seen after this time. */
const KEPT_MS = 10_000
const MAX_KEPT = 10_000

/** @returns a `findBrands` that remembers what it has found for a short while */
export function rememberBrands(database: Database): (names: Iterable<string>) => Promise<Brands> {
  let known: Brands = new Map()
  let since = 0
  return async (names) => {
    if (performance.now() - since > KEPT_MS || known.size > MAX_KEPT) {
      known = new Map()
      since = performance.now()
    }
    const missing = [...names].filter((name) => !known.has(canonicalText(name)))
    if (missing.length > 0) {
      const kept = known
      for (const [key, brand] of await findBrands(database, missing)) kept.set(key, brand)
      return kept
    }
    return known
  }
}

/** How often the brands are looked for and created; more than twice only when an id is taken. */
const MAX_ROUNDS = 5

/**
 * Finds the brands, and creates those that do not exist yet.
 * @throws ProductCopyError `bad-input` for a name that no brand can have; nothing is written then
 */
export async function ensureBrands(
  database: Database,
  newId: NewId,
  names: Iterable<string>,
): Promise<Brands> {
  const wanted = new Map<string, string>()
  for (const name of names) {
    const problem = brandProblem(name)
    if (problem !== undefined) throw badInput(problem, 'name')
    const key = canonicalText(name)
    if (!wanted.has(key)) wanted.set(key, name.trim())
  }
  for (let round = 1; round <= MAX_ROUNDS; round++) {
    const found = await findBrands(database, wanted.values())
    const missing = [...wanted].filter(([key]) => !found.has(key)).sort()
    if (missing.length === 0) return found
    await database.inTransaction(async (trx) => {
      // Another writer may create the same brand at this moment: the first row stays, and is read back.
      for (const [key, name] of missing) {
        const row = { id: newId(), name, name_key: key }
        await database.dialect.insertUnlessTaken(trx, 'brand', row)
      }
    })
  }
  throw new ProductCopyError('contended', `brands could not be created in ${MAX_ROUNDS} rounds`)
}

/** Every brand with the number of its live products, by name. */
export async function listBrands(
  database: Database,
): Promise<{ name: string; liveProducts: number }[]> {
  const rows = await database
    .knex('brand')
    .leftJoin('product', (join) =>
      join.on('product.brand_id', 'brand.id').andOnVal('product.delete_status', 0),
    )
    .groupBy('brand.id', 'brand.name', 'brand.name_key')
    .orderBy('brand.name_key')
    .select<{ name: string; live: string }[]>(
      'brand.name',
      database.knex.raw('count(product.id) as live'),
    )
  return rows.map((row) => ({ name: row.name, liveProducts: Number(row.live) }))
}

export const unknownBrand = (name: string): ProductCopyError =>
  new ProductCopyError('unknown-brand', `unknown brand ${quoted(name)}`, { field: 'brand' })
