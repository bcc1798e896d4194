import knexFactory, { type Knex } from 'knex'
import type { Database } from '../../src/database.ts'
import { migrate } from '../../src/platform/migrate.ts'
import { openServerDatabase } from '../../src/platform/server-database.ts'
import { createSnowflake } from '../../src/platform/snowflake.ts'
import type { SqlPart } from '../../stack/sql.ts'
import type { TestDatabase } from './database.ts'
import { newDatabase } from './own-names.ts'

/** A database of its own on a server. */
export interface ServerDatabase {
  /** For DATABASE_URL. */
  url: string
  /** A connection to the server, outside of the code under test. */
  admin: Knex
  /** Each one as another process would open it: a pool and a worker id of its own. */
  open(options?: { poolSize?: number; queryTimeoutMs?: number }): Promise<TestDatabase>
  /** Closes what was opened. */
  close(): Promise<void>
}

export async function createServerDatabase(
  name: SqlPart,
  { migrated = true } = {},
): Promise<ServerDatabase> {
  const url = await newDatabase(name)
  const admin = knexFactory({
    client: name === 'mysql' ? 'mysql2' : 'pg',
    connection: url.replace(/^mariadb:/, 'mysql:'),
    pool: { min: 0, max: 4 },
  })
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
    async close() {
      for (const database of opened.splice(0)) await database.close()
      await admin.destroy()
    },
  }
  if (migrated) await migrate((await created.open()).database)
  return created
}
