import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Database } from '../database.ts'
import { errorText, ProductCopyError, quoted } from '../errors.ts'
import { serverName } from '../platform/database-server-check.ts'
import { readDatabaseUrl } from '../platform/database-url.ts'
import { migrate } from '../platform/migrate.ts'
import { openServerDatabase } from '../platform/server-database.ts'
import { NOT_VISIBLE, startCounters, type ServerCounts } from './server-counters.ts'

/** Where the ways run: a server, or the embedded database. */
export interface ComparePlace {
  dialect: Database['dialect']['name']
  /** Such as `PostgreSQL 15.8`. */
  server: string
  /**
   * Makes an empty database with the tables, for one piece of work, and removes it whatever comes of
   * that.
   * @returns what the work gave, and what the server counted meanwhile
   */
  withDatabase<T>(
    work: (database: Database) => Promise<T>,
  ): Promise<{ result: T; counts: ServerCounts }>
  close(): Promise<void>
}

/**
 * On a server each way has a database of its own, so that no table of the user's is touched, and the
 * server's counters are those of the way alone.
 * @throws ProductCopyError `could-not-run`
 */
export async function openServerPlace(url: string, clients: number): Promise<ComparePlace> {
  const admin = await openServerDatabase(url, { poolSize: 2 })
  const dialect = admin.dialect.name
  const options = dialect === 'mysql' ? 'character set utf8mb4' : 'template template0'
  return {
    dialect,
    server: await serverName(admin),
    async withDatabase(work) {
      const name = `product_copy_compare_${randomBytes(3).toString('hex')}`
      await admin.knex.raw(`create database ${name} ${options}`).catch((cause: unknown) => {
        throw mayNot(url, cause)
      })
      try {
        const counters = await startCounters(admin, name)
        const own = new URL(url)
        own.pathname = `/${name}`
        const result = await withMigrated(
          await openServerDatabase(own.href, { poolSize: clients }),
          work,
        )
        return { result, counts: await counters.read() }
      } finally {
        const force = dialect === 'postgres' ? 'with (force)' : ''
        await admin.knex.raw(`drop database ${name} ${force}`).catch((cause: unknown) => {
          throw leftBehind(name, cause)
        })
      }
    },
    close: () => admin.close(),
  }
}

/** The embedded database lies in a temporary folder, and is emptied for each way. */
export async function openEmbeddedPlace(): Promise<ComparePlace> {
  const folder = await mkdtemp(path.join(tmpdir(), 'product-copy-compare-'))
  const remove = () => rm(folder, { recursive: true, force: true })
  try {
    const { openEmbeddedDatabase } = await import('../platform/embedded-database.ts')
    const database = await openEmbeddedDatabase(folder, { create: true })
    return {
      dialect: database.dialect.name,
      server: `${await serverName(database)} (embedded)`,
      async withDatabase(work) {
        await database.knex.raw('drop schema public cascade')
        await database.knex.raw('create schema public')
        await migrate(database)
        return { result: await work(database), counts: NOT_VISIBLE }
      },
      async close() {
        await database.close()
        await remove()
      },
    }
  } catch (error) {
    await remove()
    throw error
  }
}

/** Closed before the counters are read: PostgreSQL's sessions add to them when they end. */
async function withMigrated<T>(
  database: Database,
  work: (database: Database) => Promise<T>,
): Promise<T> {
  try {
    await migrate(database)
    return await work(database)
  } finally {
    await database.close()
  }
}

const leftBehind = (name: string, cause: unknown) =>
  new ProductCopyError(
    'could-not-run',
    `DATABASE_URL: database ${name}, which compare made, could not be removed (${errorText(cause)}): drop it`,
    { cause },
  )

function mayNot(url: string, cause: unknown): ProductCopyError {
  const { user } = readDatabaseUrl(url)
  return new ProductCopyError(
    'could-not-run',
    `DATABASE_URL: compare makes databases of its own, product_copy_compare_..., which user ${quoted(user)} may not (${errorText(cause)}): grant it, or name another user`,
    { cause },
  )
}
