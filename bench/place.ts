import { randomBytes } from 'node:crypto'
import { migrate } from '../src/platform/migrate.ts'
import { openServerDatabase } from '../src/platform/server-database.ts'
import { createSnowflake } from '../src/platform/snowflake.ts'
import type { Database, NewId } from '../src/database.ts'
import { audit, isClean } from '../src/products/audit.ts'
import type { Env } from '../stack/part.ts'
import { runSql, type SqlPart } from '../stack/sql.ts'
import type { Place } from './way.ts'

/** Of the benchmark itself: those of the workers are leased, or counted from 1. */
const WORKER_ID = 1023

/** Makes an empty database with our tables, lets work be done in it, checks the promise, and drops it. */
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
    const opened = await openServerDatabase(url.href, { poolSize: 4 })
    try {
      await migrate(opened)
      const result = await work({ ...env, DATABASE_URL: url.href })
      const audited = await audit(opened)
      if (!isClean(audited) || audited.liveProducts < expected) {
        throw new Error(`the audit found ${JSON.stringify(audited)}, not ${expected} products`)
      }
      return result
    } finally {
      await opened.close()
    }
  } finally {
    const force = name === 'postgres' ? ' with (force)' : ''
    await runSql(name, server, `drop database if exists ${database}${force}`)
  }
}

/** Opens the database of a round. */
export async function openPlace(
  { env }: Place,
  poolSize = 4,
  workerId = WORKER_ID,
): Promise<{ database: Database; newId: NewId; close: () => Promise<void> }> {
  const database = await openServerDatabase(env['DATABASE_URL']!, { poolSize })
  return { database, newId: createSnowflake({ workerId }), close: () => database.close() }
}
