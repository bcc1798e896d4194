import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Database, Dialect, Transaction } from '../database.ts'
import { ProductCopyError } from '../errors.ts'
import { packageRoot } from './package-root.ts'

/** How long a process waits for another one that migrates. */
const LOCK_WAIT_MS = 60_000
const LOCK_POLL_MS = 100
/** A statement may have to go through a large table. */
const STATEMENT_TIMEOUT_MS = 3_600_000

interface Migration {
  version: number
  name: string
  sql: string
}

/** How the tables of a database stand to this program. `found` is 0 where there are none. */
export interface SchemaState {
  state: 'missing' | 'older' | 'current' | 'newer'
  found: number
  needed: number
}

/** Looks which version the tables have, and changes nothing. */
export async function schemaState(database: Database): Promise<SchemaState> {
  const needed = readMigrations(database.dialect).at(-1)!.version
  const exists = await database.knex.schema.hasTable('schema_migration')
  const found = exists ? await currentVersion(database.knex) : 0
  if (found === 0) return { state: 'missing', found, needed }
  if (found === needed) return { state: 'current', found, needed }
  return { state: found < needed ? 'older' : 'newer', found, needed }
}

/**
 * Applies the SQL files of the database's dialect that it does not have yet, in order and forward
 * only. Of several processes at once one does it, and the others wait. PostgreSQL applies all or
 * nothing; MySQL commits each statement by itself, so that its files can be run again: a file counts
 * as applied by its row in `schema_migration`, which comes last.
 *
 * @returns the names of the files that were applied
 * @throws ProductCopyError `could-not-run` when the database is newer than this program, or another
 *   process has been migrating it for a minute
 */
export async function migrate(database: Database): Promise<string[]> {
  const { dialect } = database
  const migrations = readMigrations(dialect)
  return database.inTransaction(async (trx) => {
    await takeLock(dialect, trx)
    try {
      return await applyMissing(trx, migrations)
    } finally {
      // A lost connection has released it.
      await dialect.releaseMigrationLock(trx).catch(() => undefined)
    }
  })
}

async function takeLock(dialect: Dialect, trx: Transaction): Promise<void> {
  const end = Date.now() + LOCK_WAIT_MS
  while (!(await dialect.tryMigrationLock(trx))) {
    if (Date.now() > end) {
      throw new ProductCopyError(
        'could-not-run',
        `another process has been migrating the database for more than ${LOCK_WAIT_MS / 1000} s: wait for it, or end it`,
      )
    }
    await sleep(LOCK_POLL_MS)
  }
}

async function applyMissing(trx: Transaction, migrations: Migration[]): Promise<string[]> {
  const newest = migrations.at(-1)!.version
  await trx.raw(
    `create table if not exists schema_migration (
       version int not null primary key,
       name varchar(200) not null,
       applied_at timestamp not null default current_timestamp
     )`,
  )
  const current = await currentVersion(trx)
  if (current > newest) {
    throw new ProductCopyError(
      'could-not-run',
      `the database is at schema version ${current}, this program knows ${newest}: use a newer program`,
    )
  }
  const missing = migrations.filter(({ version }) => version > current)
  for (const { version, name, sql } of missing) {
    for (const statement of statements(sql)) {
      await trx.raw(statement).timeout(STATEMENT_TIMEOUT_MS)
    }
    await trx('schema_migration').insert({ version, name })
  }
  return missing.map(({ name }) => name)
}

async function currentVersion(knex: Database['knex'] | Transaction): Promise<number> {
  const rows = await knex('schema_migration').max<{ version: number | null }[]>({
    version: 'version',
  })
  return rows[0]!.version ?? 0
}

/** Statements end with a semicolon at the end of a line. */
const statements = (sql: string): string[] =>
  sql
    .replace(/^\s*--.*$/gm, '')
    .split(/;\s*$/m)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '')

function readMigrations({ name: dialect }: Dialect): Migration[] {
  const folder = path.join(packageRoot(), 'sql', dialect)
  return readdirSync(folder)
    .filter((file) => /^\d{3}_.*\.sql$/.test(file))
    .sort()
    .map((name) => ({
      version: Number(name.slice(0, 3)),
      name,
      sql: readFileSync(path.join(folder, name), 'utf8'),
    }))
}
