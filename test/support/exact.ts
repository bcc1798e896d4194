import { expect } from '@jest/globals'
import { audit, type Audit } from '../../src/products/audit.ts'
import { copyRequestStatus } from '../../src/copy/request-status.ts'
import type { Database } from '../../src/database.ts'
import { resultsOf } from './parties.ts'
import { until } from './until.ts'

/** An audit that finds the promise kept. */
export const CLEAN: Omit<Audit, 'liveProducts'> = {
  duplicateKeys: 0,
  productsWithoutKey: 0,
  keysWithoutProduct: 0,
  mismatchedKeys: 0,
}

/** What several recordings of one copy have to come to, whatever happened meanwhile. */
export interface Expected {
  ids: string[]
  /** Items of each. */
  items: number
  /** Live products at the end. */
  liveProducts: number
}

export async function isDone(database: Database, ids: string[]): Promise<boolean> {
  for (const id of ids) {
    if ((await copyRequestStatus(database, id)).state !== 'done') return false
  }
  return true
}

/** Waits until the requests are done and all results are published. */
export async function untilDone(database: Database, ids: string[]): Promise<void> {
  await until('the requests are done', () => isDone(database, ids), 300_000)
  await until('all results are published', async () => {
    const waiting = await database.knex('copy_result').whereNull('published_at').limit(1)
    return waiting.length === 0
  })
}

/** Nothing is lost, nothing is done twice, all is published, and nothing is a dead letter. */
export async function expectExact(database: Database, { ids, items, liveProducts }: Expected) {
  const outcomes = new Map<unknown, { outcome: string; id?: string }[]>()
  for (const id of ids) {
    expect(await copyRequestStatus(database, id)).toMatchObject({
      state: 'done',
      items,
      rejected: 0,
      failed: 0,
      pending: 0,
    })
    for (const one of await resultsOf(database, id)) {
      outcomes.set(one.name, [...(outcomes.get(one.name) ?? []), one])
    }
  }
  expect(outcomes.size).toBe(items)
  for (const [name, given] of outcomes) {
    // Not an expectation for each of many thousands: they would take longer than the copy.
    const created = given.filter(({ outcome }) => outcome === 'created').length
    const existing = given.filter(({ outcome }) => outcome === 'existing').length
    const oneId = new Set(given.map(({ id }) => id)).size === 1
    if (created === 1 && existing === ids.length - 1 && oneId) continue
    throw new Error(`${String(name)}: ${JSON.stringify(given)}`)
  }
  expect(await audit(database)).toEqual({ liveProducts, ...CLEAN })
  const count = async (table: string) =>
    Number((await database.knex(table).count<{ n: string }[]>({ n: '*' }))[0]!.n)
  expect(await count('copy_result')).toBe(await count('copy_chunk'))
  expect(await database.knex('copy_result').whereNull('published_at')).toEqual([])
  expect(await database.knex('dead_letter').select('reason')).toEqual([])
}
