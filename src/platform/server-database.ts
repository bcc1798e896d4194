import { createRequire } from 'node:module'
import knexFactory from 'knex'
import type { Knex } from 'knex'
import type { Database } from '../database.ts'
import { ProductCopyError } from '../errors.ts'
import { CONNECT_TIMEOUT_MS, mysqlClient, postgresClient } from './database-clients.ts'
import { checkVersion, openingProblem } from './database-server-check.ts'
import { readDatabaseUrl, type DatabaseServer } from './database-url.ts'
import { postgresDialect } from './postgres-dialect.ts'
import { keepDatabaseWords, transactions } from './transactions.ts'

type GetTypeParser = (oid: number, format: 'text' | 'binary') => (text: string) => unknown
const JSON_OID = 114
const JSONB_OID = 3802

/** How long a query may take. Longer than a wait for a lock, or that would never be reported. */
const QUERY_TIMEOUT_MS = 30_000
/** How long one statement waits for another transaction's lock. Then the transaction is run again. */
const LOCK_TIMEOUT_S = 10
/**
 * After so long without a word from us the server ends the session: a process that is stopped, not
 * dead, holds its locks for as long.
 */
const SILENCE_TIMEOUT_S = 30
/** Well below it: an idle connection is ended by us, or the first query after a pause would fail. */
const IDLE_TIMEOUT_MS = 10_000
/** How long a transaction waits for a free connection of the pool. */
const ACQUIRE_TIMEOUT_MS = 30_000

export interface ServerDatabaseOptions {
  /** Connections at the most; there are fewer while there is less to do. */
  poolSize: number
  /** Milliseconds; an unanswered query ends its connection. (Default: 30,000) */
  queryTimeoutMs?: number
}

/**
 * Connects to a MySQL, MariaDB or PostgreSQL server, and checks that it answers and is new enough. It
 * does not look at the tables: `migrate`, `schemaState` and `checkSchema` do.
 *
 * @param url see readDatabaseUrl
 * @throws ProductCopyError `could-not-run` with one line for whoever can mend it, without the password
 */
export async function openServerDatabase(
  url: string,
  { poolSize, queryTimeoutMs = QUERY_TIMEOUT_MS }: ServerDatabaseOptions,
): Promise<Database> {
  const server = readDatabaseUrl(url)
  const knex = knexFactory({
    ...(server.dialect === 'mysql'
      ? mysqlSettings(server, queryTimeoutMs)
      : postgresSettings(server, queryTimeoutMs)),
    pool: { min: 0, max: poolSize, idleTimeoutMillis: IDLE_TIMEOUT_MS },
    acquireConnectionTimeout: ACQUIRE_TIMEOUT_MS,
    compileSqlOnError: false,
    // Errors are thrown. knex's own lines hold stack traces, and come again with each try.
    log: { warn: ignore, error: ignore, deprecate: ignore, debug: ignore },
  })
  keepDatabaseWords(knex)
  const dialect =
    server.dialect === 'mysql'
      ? // With its driver, which others need not load.
        (await import('./mysql-dialect.ts')).mysqlDialect(knex)
      : postgresDialect(knex)
  try {
    await checkVersion(knex, server)
  } catch (cause) {
    await knex.destroy()
    if (cause instanceof ProductCopyError) throw cause
    throw new ProductCopyError('could-not-run', openingProblem(server, cause), { cause })
  }
  return { knex, dialect, ...transactions(knex, dialect), close: () => knex.destroy() }
}

const ignore = () => undefined

function mysqlSettings(server: DatabaseServer, queryTimeoutMs: number): Knex.Config {
  const { host, port, user, password, database, tls } = server
  return {
    client: mysqlClient({
      queryTimeoutMs,
      session: [
        'set session transaction isolation level read committed',
        // Without the strict mode long texts are cut; with NO_BACKSLASH_ESCAPES the driver's quoting
        // would be none.
        `set session sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', time_zone = '+00:00',
           wait_timeout = ${SILENCE_TIMEOUT_S}, innodb_lock_wait_timeout = ${LOCK_TIMEOUT_S},
           lock_wait_timeout = ${LOCK_TIMEOUT_S}`,
      ],
    }),
    // Or knex asks for it, without a time-out.
    version: 'latest',
    connection: {
      host,
      port,
      user,
      password,
      database,
      connectTimeout: CONNECT_TIMEOUT_MS,
      keepAliveInitialDelay: IDLE_TIMEOUT_MS,
      timezone: 'Z',
      // Ids are 64-bit: a number would round them. JSON is parsed by who reads it, on each database.
      supportBigNumbers: true,
      bigNumberStrings: true,
      jsonStrings: true,
      // Or an UPDATE that changes nothing counts as one that did.
      flags: ['-FOUND_ROWS'],
      ...(tls && {
        ssl: {
          ...(tls.ca === undefined ? {} : { ca: tls.ca }),
          rejectUnauthorized: tls.rejectUnauthorized,
          verifyIdentity: tls.verifyHost,
        },
      }),
    } as unknown as Knex.MySql2ConnectionConfig,
  }
}

/** JSON comes as its text, as from the other databases; who reads it parses it. */
function textJson(): GetTypeParser {
  // Loaded here, for a program on MySQL needs no driver of PostgreSQL.
  const { types } = createRequire(import.meta.url)('pg') as {
    types: { getTypeParser: GetTypeParser }
  }
  return (oid, format) =>
    oid === JSON_OID || oid === JSONB_OID ? (text) => text : types.getTypeParser(oid, format)
}

function postgresSettings(server: DatabaseServer, queryTimeoutMs: number): Knex.Config {
  const { host, port, user, password, database, tls } = server
  return {
    client: postgresClient({
      queryTimeoutMs,
      session: [
        // statement_timeout is a little less than our own patience: what nobody waits for is to end.
        `select set_config('statement_timeout', '${Math.ceil(queryTimeoutMs * 0.9)}ms', false),
           set_config('lock_timeout', '${LOCK_TIMEOUT_S}s', false),
           set_config('idle_in_transaction_session_timeout', '${SILENCE_TIMEOUT_S}s', false),
           set_config('default_transaction_isolation', 'read committed', false)`,
      ],
    }),
    version: '15',
    connection: {
      host,
      port,
      user,
      // A function, or the driver looks for an empty one in PGPASSWORD and in files.
      password: () => password,
      database,
      application_name: 'product-copy',
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      keepAlive: true,
      keepAliveInitialDelayMillis: IDLE_TIMEOUT_MS,
      types: { getTypeParser: textJson() },
      ssl: tls
        ? {
            ...(tls.ca === undefined ? {} : { ca: tls.ca }),
            rejectUnauthorized: tls.rejectUnauthorized,
            ...(tls.verifyHost ? {} : { checkServerIdentity: ignore }),
          }
        : false,
    } as unknown as Knex.PgConnectionConfig,
  }
}
