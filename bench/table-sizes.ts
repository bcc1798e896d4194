import type { Env } from '../stack/part.ts'
import { openPlace } from './place.ts'

const TABLES = ['product', 'product_unique', 'copy_chunk', 'copy_result']

/** Brings the database's statistics up to date, which otherwise happens some time after a load. */
export async function analyze(env: Env): Promise<void> {
  const { database, close } = await openPlace({ env })
  await database.knex.raw(`analyze table ${TABLES.join(', ')}`).then(close, close)
}

/** @returns MiB of each table with its indexes, on MySQL or MariaDB */
export async function tableSizes(env: Env): Promise<Record<string, number>> {
  await analyze(env)
  const { database, close } = await openPlace({ env })
  try {
    const rows: { name: string; bytes: string }[] = await database
      .knex('information_schema.tables')
      .where('table_schema', database.knex.raw('database()'))
      .whereIn('table_name', TABLES)
      .select('table_name as name', database.knex.raw('data_length + index_length as bytes'))
    const bytes = new Map(rows.map((row) => [row.name, Number(row.bytes)]))
    const sizes = TABLES.map((name) => [name, Math.round((bytes.get(name)! / 2 ** 20) * 10) / 10])
    return Object.fromEntries(sizes) as Record<string, number>
  } finally {
    await close()
  }
}
