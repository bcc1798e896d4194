import { createRequire } from 'node:module'
import type { Socket } from 'node:net'
import type { Knex } from 'knex'
import { markLost, timedOut } from './database-errors.ts'

const require = createRequire(import.meta.url)

/** How long a connection may take to come about, each part of it. */
export const CONNECT_TIMEOUT_MS = 5000
/**
 * knex waits 5 s for a ROLLBACK and then lends the connection to the next one, whatever came of it.
 * So what has not answered before is destroyed.
 */
const ROLLBACK_TIMEOUT_MS = 4000
/** A peer that has gone silent does not answer the good-bye either. */
const GOODBYE_TIMEOUT_MS = 1000

/** What knex's own types leave out. */
interface Client {
  acquireRawConnection(): Promise<Connection>
  destroyRawConnection(connection: Connection): Promise<void>
  _query(connection: Connection, query: Query): Promise<unknown>
}
type Connection = { __knex__disposed?: unknown; stream?: Socket; connection?: { stream: Socket } }
/** `timeout` is what `.timeout(ms)` of a knex query sets. */
type Query = { sql: string; timeout?: number | false }
type ClientClass = new (config: Knex.Config) => Client

const MysqlClient = require('knex/lib/dialects/mysql2/index.js') as ClientClass
const PostgresClient = require('knex/lib/dialects/postgres/index.js') as ClientClass

export interface ClientOptions {
  /** How long a query may take, unless it says otherwise with `.timeout(ms)`. */
  queryTimeoutMs: number
  /** Statements that set up each new connection. */
  session: string[]
}

export const mysqlClient = (options: ClientOptions) => bounded(MysqlClient, options)
export const postgresClient = (options: ClientOptions) => bounded(PostgresClient, options)

/**
 * knex's client, with a bound on every call to the server. The drivers' own time-outs leave the query
 * running on its connection, where the next one would wait for it; this one destroys the connection,
 * so that the pool drops it.
 */
function bounded(Base: ClientClass, { queryTimeoutMs, session }: ClientOptions) {
  class BoundedClient extends Base {
    override async acquireRawConnection(): Promise<Connection> {
      try {
        const connection = await super.acquireRawConnection()
        try {
          for (const sql of session) {
            await this._query(connection, { sql, timeout: CONNECT_TIMEOUT_MS })
          }
          return connection
        } catch (error) {
          socketOf(connection).destroy()
          throw error
        }
      } catch (error) {
        throw markLost(error)
      }
    }

    override async _query(connection: Connection, query: Query): Promise<unknown> {
      const rollback = /^rollback\b/i.test(query.sql)
      const ms = rollback ? ROLLBACK_TIMEOUT_MS : query.timeout || queryTimeoutMs
      const timer = setTimeout(() => {
        const error = timedOut('a query', ms)
        connection.__knex__disposed = error
        socketOf(connection).destroy(error)
      }, ms)
      try {
        return await super._query(connection, query)
      } catch (error) {
        const lost = connection.__knex__disposed || (error as { fatal?: boolean }).fatal
        throw lost ? markLost(error) : error
      } finally {
        clearTimeout(timer)
      }
    }

    override async destroyRawConnection(connection: Connection): Promise<void> {
      const socket = socketOf(connection)
      setTimeout(() => socket.destroy(), GOODBYE_TIMEOUT_MS).unref()
      await super.destroyRawConnection(connection)
    }
  }
  return BoundedClient as unknown as typeof Knex.Client
}

/** mysql2 has the socket itself, pg one layer below. */
const socketOf = (connection: Connection): Socket =>
  connection.connection?.stream ?? connection.stream!
