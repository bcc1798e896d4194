import { randomBytes } from 'node:crypto'
import type { Database, NewId } from '../src/database.ts'
import { openEmbeddedDatabase } from '../src/platform/embedded-database.ts'
import { migrate } from '../src/platform/migrate.ts'
import { openServerDatabase } from '../src/platform/server-database.ts'
import { createSnowflake } from '../src/platform/snowflake.ts'
import { audit, isClean } from '../src/products/audit.ts'
import type { Env } from '../stack/part.ts'
import { runSql, type SqlPart } from '../stack/sql.ts'
import { TARGETS } from './catalogue.ts'
import type { Place } from './way.ts'

/** Of the benchmark itself: those of the workers are leased, or counted from 1. */
const WORKER_ID = 1023

/**
 * Makes an empty database with our tables, lets work be done in it, checks the promise, and drops it.
 * @param expected products that the target brands must have afterwards
 */
export async function withDatabase<T>(
  name: SqlPart,
  env: Env,
  work: (env: Env) => Promise<T>,
  expected: number,
): Promise<T> {
  const server = env[name === 'mysql' ? 'MYSQL_URL' : 'POSTGRES_URL']!
  const database = `product_copy_bench_${randomBytes(4).toString('hex')}`
  const charset = name === 'mysql' ? ' character set utf8mb4' : ''
  await runSql(name, server, `create database ${database}${charset}`)
  try {
    const url = new URL(server)
    url.pathname = `/${database}`
    const own = { ...env, DATABASE_URL: url.href }
    const opened = await openPlace({ env: own })
    try {
      await migrate(opened.database)
      const result = await work(own)
      await check(opened.database, expected)
      return result
    } finally {
      await opened.close()
    }
  } finally {
    const force = name === 'postgres' ? ' with (force)' : ''
    await runSql(name, server, `drop database if exists ${database}${force}`)
  }
}

/** @throws unless the promise holds and the target brands have so many products, no more and no less */
export async function check(database: Database, expected: number): Promise<void> {
  const audited = await audit(database)
  if (!isClean(audited)) throw new Error(`the audit found ${JSON.stringify(audited)}`)
  const [row] = await database
    .knex('product')
    .join('brand', 'brand.id', 'product.brand_id')
    .whereIn('brand.name', TARGETS)
    .count<{ products: string }[]>({ products: '*' })
  const { products } = row!
  if (Number(products) === expected) return
  throw new Error(`the target brands have ${products} products, not ${expected}`)
}

/** Opens the database of a round. */
export async function openPlace(
  { env }: Pick<Place, 'env'>,
  poolSize = 4,
  workerId = WORKER_ID,
): Promise<{ database: Database; newId: NewId; close: () => Promise<void> }> {
  const { DATABASE_URL: url } = env
  const database = url
    ? await openServerDatabase(url, { poolSize })
    : await openEmbeddedDatabase(env['DATA_DIR']!, { create: true })
  return { database, newId: createSnowflake({ workerId }), close: () => database.close() }
}
