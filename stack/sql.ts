import createKnex from 'knex'

const TIMEOUT_MS = 5000
const CLIENTS = { mysql: 'mysql2', postgres: 'pg' }
export type SqlPart = keyof typeof CLIENTS

const nothing = () => undefined
/** Whoever asks gets the error; knex would also print it. */
const SILENT = { debug: nothing, warn: nothing, error: nothing, deprecate: nothing }

/**
 * Runs statements one after the other on a connection of its own.
 * @returns what the last one gave, as rows
 * @throws the driver's error, or a time-out after 5 s a statement
 */
export async function runSql(
  part: SqlPart,
  url: string,
  ...statements: string[]
): Promise<Record<string, unknown>[]> {
  const knex = createKnex({
    client: CLIENTS[part],
    connection:
      part === 'mysql'
        ? { uri: url, connectTimeout: TIMEOUT_MS }
        : { connectionString: url, connectionTimeoutMillis: TIMEOUT_MS },
    pool: { min: 0, max: 1 },
    acquireConnectionTimeout: TIMEOUT_MS,
    log: SILENT,
  })
  try {
    let result: unknown
    for (const statement of statements) result = await knex.raw(statement).timeout(TIMEOUT_MS)
    const rows = part === 'mysql' ? (result as unknown[])[0] : (result as { rows: unknown }).rows
    return rows as Record<string, unknown>[]
  } finally {
    await knex.destroy()
  }
}
