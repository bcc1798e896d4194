import type { Database } from '../database.ts'
import { ProductCopyError } from '../errors.ts'
import type { Config } from '../platform/config.ts'
import { schemaState } from '../platform/migrate.ts'

export interface OpenOptions {
  /** Whether to create the embedded database when there is none. */
  create: boolean
  /** Says nothing on stderr. */
  quiet?: boolean | undefined
}

/**
 * Opens the database that the configuration names, with tables of this program's version.
 * @throws ProductCopyError `could-not-run`, or `bad-input` when an embedded one is not there
 */
export async function openDatabase(config: Config, options: OpenOptions): Promise<Database> {
  const database = await connectDatabase(config, options)
  try {
    const problem = await schemaProblem(database)
    if (problem !== undefined) throw new ProductCopyError('could-not-run', problem)
    return database
  } catch (error) {
    await database.close()
    throw error
  }
}

/** Opens the database whatever its tables: those of an embedded one are always brought up to date. */
export async function connectDatabase(
  { DATABASE_URL, DATABASE_POOL, DATA_DIR }: Config,
  { create, quiet }: OpenOptions,
): Promise<Database> {
  // Only what is asked for is loaded, here and where parties start: each of these takes 10 MiB or more.
  if (DATABASE_URL !== undefined) {
    const { openServerDatabase } = await import('../platform/server-database.ts')
    return openServerDatabase(DATABASE_URL, { poolSize: DATABASE_POOL })
  }
  const onCreate = () => {
    if (!quiet) process.stderr.write(`creating the database in ${DATA_DIR}\n`)
  }
  const { openEmbeddedDatabase } = await import('../platform/embedded-database.ts')
  return openEmbeddedDatabase(DATA_DIR, { create, onCreate })
}

async function schemaProblem(database: Database): Promise<string | undefined> {
  const { state, found, needed } = await schemaState(database)
  switch (state) {
    case 'current':
      return undefined
    case 'missing':
      return 'DATABASE_URL: the database has no tables yet: "product-copy migrate" makes them'
    case 'older':
      return `DATABASE_URL: the tables are of version ${found}, this program needs ${needed}: "product-copy migrate" brings them up to date`
    case 'newer':
      return `DATABASE_URL: the tables are of version ${found}, this program knows ${needed}: use a newer program`
  }
}
