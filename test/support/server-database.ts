import { randomBytes } from 'node:crypto'
import knexFactory, { type Knex } from 'knex'
import type { Database } from '../../src/database.ts'
import { migrate } from '../../src/platform/migrate.ts'
import { openServerDatabase } from '../../src/platform/server-database.ts'
import { createSnowflake } from '../../src/platform/snowflake.ts'
import type { TestDatabase } from './database.ts'

export type ServerName = 'mysql' | 'postgres'

/** A database of its own on a server: no other run and no user's data are touched. */
export interface ServerDatabase {
  /** For DATABASE_URL. */
  url: string
  /** A connection to the server itself, outside of the code under test. */
  admin: Knex
  /** Each one as another process would open it: a pool and a worker id of its own. */
  open(options?: { poolSize?: number; queryTimeoutMs?: number }): Promise<TestDatabase>
  /** Closes what was opened, and drops the database. */
  drop(): Promise<void>
}

/** @param serverUrl a MySQL, MariaDB or PostgreSQL server's URL, without a database or with any */
export async function createServerDatabase(
  serverUrl: string,
  { migrated = true } = {},
): Promise<ServerDatabase> {
  const isMysql = /^(mysql|mariadb):/.test(serverUrl)
  const name = `product_copy_test_${randomBytes(6).toString('hex')}`
  const server = new URL(serverUrl)
  server.pathname = isMysql ? '/' : '/postgres'
  const admin = knexFactory({
    client: isMysql ? 'mysql2' : 'pg',
    connection: server.href.replace(/^mariadb:/, 'mysql:'),
    pool: { min: 0, max: 4 },
  })
  await admin.raw('create database ??', [name])
  server.pathname = `/${name}`
  const url = server.href
  const opened: Database[] = []
  let workerId = 0
  const created: ServerDatabase = {
    url,
    admin,
    async open(options) {
      const database = await openServerDatabase(url, { poolSize: 10, ...options })
      opened.push(database)
      return { database, newId: createSnowflake({ workerId: workerId++ }) }
    },
    async drop() {
      for (const database of opened) await database.close()
      await admin.raw(isMysql ? 'drop database ??' : 'drop database ?? with (force)', [name])
      await admin.destroy()
    },
  }
  if (migrated) await migrate((await created.open()).database)
  return created
}
