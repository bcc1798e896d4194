import { cp, mkdtemp } from 'node:fs/promises'
import path from 'node:path'
import type { Database, NewId } from '../../src/database.ts'
import { openEmbeddedDatabase } from '../../src/platform/embedded-database.ts'
import { createSnowflake } from '../../src/platform/snowflake.ts'

export interface TestDatabase {
  database: Database
  newId: NewId
}

/** A data folder with an empty database, removed after the run. */
export async function newDataFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(process.env['TEST_FOLDER']!, 'data-'))
  const template = path.join(process.env['TEST_FOLDER']!, 'template')
  await cp(template, folder, { recursive: true })
  return folder
}

export async function openTestDatabase(): Promise<TestDatabase> {
  const database = await openEmbeddedDatabase(await newDataFolder(), { create: false })
  return { database, newId: createSnowflake({ workerId: 0 }) }
}

/** Every table but the migrations'. */
export const TABLES = [
  'brand',
  'product',
  'product_unique',
  'copy_request',
  'copy_chunk',
  'copy_result',
  'dead_letter',
]

export async function emptyTables({ knex }: Database): Promise<void> {
  for (const table of TABLES) await knex(table).delete()
}

/** Every row of every table, to see that nothing was written. */
export const allRows = ({ knex }: Database): Promise<unknown> =>
  Promise.all(TABLES.map((table) => knex(table).orderBy(1).select()))
