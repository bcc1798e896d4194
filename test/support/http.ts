import { afterEach } from '@jest/globals'
import { startHttpServer, type HttpServerOptions } from '../../src/http/server.ts'
import { readApiTokens } from '../../src/http/tokens.ts'
import { watchDatabase } from '../../src/platform/database-watch.ts'
import type { TestDatabase } from './database.ts'
import { silent } from './silent.ts'

export interface Answer {
  status: number
  type: string
  headers: Headers
  /** What the JSON says; undefined without a body. */
  body: Record<string, unknown>
}

export interface Call {
  /** Sent as JSON, unless it is a text. */
  body?: unknown
  token?: string
  headers?: Record<string, string>
}

/** An HTTP API that listens, as its clients see it. */
export interface Api {
  url: string
  call(method: string, path: string, call?: Call): Promise<Answer>
  stop(): Promise<void>
}

/** The tokens of the tests, one for each role, and a gateway's. */
export const TOKENS = {
  read: 'read-0123456789abcdef',
  write: 'write-0123456789abcdef',
  admin: 'admin-0123456789abcdef',
  gateway: 'gateway-0123456789abcdef',
}
const user = { userId: 'u1', userName: 'Ann' }
export const accessWith = (change: Partial<HttpServerOptions['access']> = {}) => ({
  tokens: readApiTokens(
    JSON.stringify([
      { token: TOKENS.read, role: 'read', ...user },
      { token: TOKENS.write, role: 'write', ...user },
      { token: TOKENS.admin, role: 'admin', ...user },
      { token: TOKENS.gateway, role: 'write', userId: 'gw', userName: 'Gateway', gateway: true },
    ]),
  ),
  userHeaders: { id: 'x-user-id', name: 'x-user-name' },
  maxRequests: 1_000_000,
  ...change,
})

const running = new Set<Api>()
afterEach(async () => {
  for (const api of running) await api.stop()
})

/** Starts the API without tokens, on a free port; it is stopped after the test. */
export async function startApi(
  { database, newId }: TestDatabase,
  change: Partial<HttpServerOptions> = {},
): Promise<Api> {
  const server = await startHttpServer({
    database,
    newId,
    watch: watchDatabase(database, silent),
    logger: silent,
    host: '127.0.0.1',
    port: 0,
    access: accessWith({ tokens: [] }),
    maxBodyBytes: 1024 * 1024,
    maxInHand: 5,
    ...change,
  })
  const url = `http://127.0.0.1:${server.port}`
  const api: Api = {
    url,
    call: (method, path, call) => send(method, url + path, call),
    async stop() {
      running.delete(api)
      await server.stop()
    },
  }
  running.add(api)
  return api
}

/** What no test waits for longer. */
const TIMEOUT_MS = 60_000

export async function send(
  method: string,
  url: string,
  { body, token, headers = {} }: Call = {},
): Promise<Answer> {
  const response = await fetch(url, {
    method,
    headers: {
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...headers,
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  })
  const text = await response.text()
  const type = response.headers.get('content-type') ?? ''
  return {
    status: response.status,
    type,
    headers: response.headers,
    body: (type.includes('json') && !type.includes('ndjson')
      ? JSON.parse(text)
      : { text }) as never,
  }
}
