import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Database } from '../database.ts'
import { ProductCopyError } from '../errors.ts'

interface Migration {
  version: number
  name: string
  sql: string
}

/**
 * Applies the SQL files of a dialect that the database does not have yet, in order and forward only;
 * each one in a transaction together with its row in `schema_migration`.
 *
 * @returns the names of the files that were applied
 * @throws ProductCopyError `could-not-run` when the database is newer than this program
 */
export async function migrate(database: Database, dialect: 'postgres'): Promise<string[]> {
  const migrations = readMigrations(dialect)
  const newest = migrations.at(-1)!.version
  await database.knex.raw(
    `create table if not exists schema_migration (
       version int primary key,
       name varchar(200) not null,
       applied_at timestamp not null default current_timestamp
     )`,
  )
  const current = await currentVersion(database)
  if (current > newest) {
    throw new ProductCopyError(
      'could-not-run',
      `the database is at schema version ${current}, this program knows ${newest}: use a newer program`,
    )
  }
  const missing = migrations.filter(({ version }) => version > current)
  for (const migration of missing) await apply(database, migration)
  return missing.map(({ name }) => name)
}

async function currentVersion(database: Database): Promise<number> {
  const rows = await database
    .knex('schema_migration')
    .max<{ version: number | null }[]>({ version: 'version' })
  return rows[0]!.version ?? 0
}

async function apply(database: Database, { version, name, sql }: Migration): Promise<void> {
  await database.inTransaction(async (trx) => {
    // First, so that a second process that migrates at the same time stops here.
    await trx('schema_migration').insert({ version, name })
    for (const statement of statements(sql)) await trx.raw(statement)
  })
}

/** Statements end with a semicolon at the end of a line. */
const statements = (sql: string): string[] =>
  sql
    .replace(/^\s*--.*$/gm, '')
    .split(/;\s*$/m)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '')

function readMigrations(dialect: string): Migration[] {
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

/** The folder that holds `sql`: this file lies at different depths below it, as source and compiled. */
function packageRoot(): string {
  let folder = path.dirname(fileURLToPath(import.meta.url))
  while (!existsSync(path.join(folder, 'sql')) && folder !== path.dirname(folder)) {
    folder = path.dirname(folder)
  }
  return folder
}
