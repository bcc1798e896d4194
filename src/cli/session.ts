import type { Database, NewId } from '../database.ts'
import { readConfig, type Config } from '../platform/config.ts'
import { openEmbeddedDatabase } from '../platform/embedded-database.ts'
import { createLogger, type Logger } from '../platform/logger.ts'
import { createSnowflake } from '../platform/snowflake.ts'

/** What a command works with. */
export interface Session {
  config: Config
  database: Database
  newId: NewId
  logger: Logger
}

export interface SessionOptions {
  /** Whether to create the database when there is none. */
  create: boolean
  /** Says nothing on stderr. */
  quiet?: boolean | undefined
  config?: Config
}

/** Opens the database for a piece of work, and closes it whatever comes of the work. */
export async function withSession<T>(
  { create, quiet, config = readConfig() }: SessionOptions,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const onCreate = () => {
    if (!quiet) process.stderr.write(`creating the database in ${config.DATA_DIR}\n`)
  }
  const database = await openEmbeddedDatabase(config.DATA_DIR, { create, onCreate })
  try {
    const newId = createSnowflake({ workerId: 0, after: await greatestId(database) })
    return await work({ config, database, newId, logger: createLogger(config.LOG_LEVEL) })
  } finally {
    await database.close()
  }
}

/** Ids go on from here, even when the clock was set back between two runs. */
async function greatestId({ knex }: Database): Promise<string> {
  const greatest = await Promise.all(
    ['brand', 'product', 'copy_request', 'dead_letter'].map(async (table) => {
      const [row] = await knex(table).max<{ id: string | null }[]>({ id: 'id' })
      return BigInt(row?.id ?? 0)
    }),
  )
  return greatest.reduce((a, b) => (a > b ? a : b)).toString()
}
