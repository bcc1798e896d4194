import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import type { Database, NewId, User } from '../database.ts'
import type { DatabaseWatch } from '../platform/database-watch.ts'
import type { Logger } from '../platform/logger.ts'

/** A server whose schemas give the types of its handlers. */
export type App = FastifyInstance<
  Server,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>

/** What the routes work with. */
export interface Parts {
  database: Database
  watch: DatabaseWatch
  newId: NewId
  logger: Logger
  /** Aborts when the server is to stop: long answers end there. */
  stopping: AbortSignal
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks, once the request has been let in. */
    user: User
    /** By whom requests are counted: the token, under a name that is none. */
    client: string
  }
}
