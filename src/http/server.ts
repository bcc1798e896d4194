import { lookup } from 'node:dns/promises'
import { setMaxListeners } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import fastify from 'fastify'
import { errorText, ProductCopyError, quoted } from '../errors.ts'
import { addAccess, type Access } from './access.ts'
import type { App, Parts } from './app.ts'
import { answerClientError, answerErrors } from './answer-errors.ts'
import { addDocs } from './docs.ts'
import { isLoopback } from './browsers.ts'
import { limitInHand } from './in-hand.ts'
import { refuseOtherMethods } from './other-methods.ts'
import { sendProblem } from './problems.ts'
import { addBrandRoutes } from './routes/brands.ts'
import { addCopyRequestRoutes } from './routes/copy-requests.ts'
import { addHealthRoutes } from './routes/health.ts'
import { addProductRoutes } from './routes/product.ts'
import { addProductsRoutes } from './routes/products.ts'
import { toProblem } from './to-problem.ts'
import { checkRequests } from './validation.ts'

export interface HttpServerOptions extends Omit<Parts, 'stopping'> {
  /** Without tokens a loopback address. */
  host: string
  /** 0 takes a free one. */
  port: number
  access: Access
  /** Of a request. */
  maxBodyBytes: number
  /** Requests that write at a time. */
  maxInHand: number
}

export interface HttpServer {
  port: number
  /** Takes no new request, and resolves when those in hand are answered, or after `STOP_MS`. */
  stop(): Promise<void>
}

/** For a whole request to arrive. */
const REQUEST_TIMEOUT_MS = 30_000
/** Without a byte in either direction: more than the database may take, less than a lost reader would. */
const SILENCE_TIMEOUT_MS = 120_000
/** At a time. Each has one request in hand at the most, so that this bounds who waits for the database. */
const MAX_CONNECTIONS = 1000
/** Longer than proxies keep theirs, so that none sends a request into a closing connection. */
const KEEP_ALIVE_MS = 72_000
/** What is in hand after so long is cut off: the process itself ends 1.5 s later. */
const STOP_MS = 3000

/**
 * Starts the HTTP API.
 * @throws ProductCopyError `could-not-run` when it cannot listen
 */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { host, access, logger } = options
  if (access.tokens.length === 0 && !isLoopback(host)) {
    throw new ProductCopyError(
      'could-not-run',
      `HOST is ${quoted(host)}; without API_TOKENS it must be a loopback address, such as 127.0.0.1`,
    )
  }
  const stopping = new AbortController()
  // Each streamed answer listens.
  setMaxListeners(0, stopping.signal)
  const app = await buildServer(options, { ...options, stopping: stopping.signal })
  try {
    // A name may have two addresses, and what listens on the second one is not waited for at the end.
    const { address } = await lookup(host)
    await app.listen({ host: address, port: options.port })
  } catch (cause) {
    await app.close()
    throw cannotListen(options, cause)
  }
  const { port } = app.server.address() as AddressInfo
  logger.info({ host, port }, 'listening')
  return {
    port,
    async stop() {
      stopping.abort()
      const cutOff = setTimeout(() => app.server.closeAllConnections(), STOP_MS)
      await app.close()
      clearTimeout(cutOff)
    },
  }
}

function cannotListen({ host, port }: HttpServerOptions, cause: unknown): unknown {
  const reasons: Record<string, string> = {
    EADDRINUSE: `PORT: port ${port} of ${host} is in use; set another one, or 0 for a free one`,
    EACCES: `PORT: port ${port} needs more rights; set one from 1024 to 65535`,
    EADDRNOTAVAIL: `HOST: this machine has no address ${host}`,
    ENOTFOUND: `HOST: ${host} is not the name of an address`,
    EAI_AGAIN: `HOST: ${host} cannot be looked up`,
  }
  const reason = reasons[(cause as NodeJS.ErrnoException).code ?? '']
  const text = reason ?? `HOST, PORT: cannot listen on ${host}: ${errorText(cause)}`
  return new ProductCopyError('could-not-run', text, { cause })
}

async function buildServer(
  { access, maxBodyBytes, maxInHand }: HttpServerOptions,
  parts: Parts,
): Promise<App> {
  const app: App = fastify({
    bodyLimit: maxBodyBytes,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionTimeout: SILENCE_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    // Its answer is none of ours; see access.ts.
    return503OnClosing: false,
    frameworkErrors: (error, _, reply) =>
      void sendProblem(reply as never, toProblem(error, parts.database.dialect)),
    clientErrorHandler: answerClientError,
  }).withTypeProvider<TypeBoxTypeProvider>()
  app.server.maxConnections = MAX_CONNECTIONS
  app.addHook('onSend', (_, reply, payload, done) => {
    // Or the client would send the next request into the end of the connection.
    if (parts.stopping.aborted) void reply.header('connection', 'close')
    done(null, payload)
  })
  checkRequests(app)
  answerErrors(app, parts)
  await addDocs(app)
  await app.register((health: App, _, done) => {
    const refuseOthers = refuseOtherMethods(health)
    addHealthRoutes(health, parts)
    refuseOthers()
    done()
  })
  await app.register(async (api: App) => {
    await addAccess(api, parts, access)
    limitInHand(api, maxInHand)
    const refuseOthers = refuseOtherMethods(api)
    for (const add of [addProductsRoutes, addProductRoutes, addBrandRoutes, addCopyRequestRoutes]) {
      add(api, parts)
    }
    refuseOthers()
  })
  return app
}
