import { isUtf8 } from 'node:buffer'
import { timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import rateLimit from '@fastify/rate-limit'
import type { FastifyRequest } from 'fastify'
import type { User } from '../database.ts'
import { hashToken, type ApiToken, type Role } from './tokens.ts'
import { userProblem } from '../products/read-product.ts'
import type { App, Parts } from './app.ts'
import { checkBrowser } from './browsers.ts'
import { invalid, overloaded, Problem } from './problems.ts'
import { anyProblem } from './schemas.ts'

export interface Access {
  /** Without any, everybody on this machine may do everything. */
  tokens: ApiToken[]
  /** The headers in which a gateway says who asks. */
  userHeaders: { id: string; name: string }
  /** Of one token, in a second. */
  maxRequests: number
}

const ANYBODY: User = { id: 'anonymous', name: 'anonymous' }
const REALM = 'Bearer realm="product-copy"'

/** Lets requests in to the routes that are added to `api` after it, and says who asks. */
export async function addAccess(api: App, { watch, stopping }: Parts, access: Access) {
  api.decorateRequest('user')
  api.decorateRequest('client', '')
  api.addHook('onRequest', (request, _, done) => {
    try {
      if (stopping.aborted) throw overloaded('unavailable', 'the server is stopping')
      identify(request, access)
      // Last: who may not ask is not told how things stand.
      if (watch.isGone()) throw overloaded('unavailable', 'the database is away, try again later')
      done()
    } catch (error) {
      done(error as Error)
    }
  })
  api.addHook('onResponse', ({ method }, { statusCode }, done) => {
    // A database that is read-only or full answers readers all the same.
    if (statusCode < 400 && method !== 'GET' && method !== 'HEAD') watch.worked()
    done()
  })
  await api.register(rateLimit, {
    max: access.maxRequests,
    timeWindow: 1000,
    keyGenerator: ({ client }) => client,
    errorResponseBuilder: (_, { max }) =>
      new Problem('rate-limited', `more than ${max} requests in a second; wait a moment`),
  })
  api.addHook('onRoute', ({ schema }) => {
    if (!schema) return
    schema.response = { '4xx': anyProblem, '5xx': anyProblem, ...(schema.response as object) }
    if (access.tokens.length > 0) schema.security = [{ token: [] }]
  })
}

function identify(request: FastifyRequest, access: Access): void {
  if (access.tokens.length === 0) {
    checkBrowser(request.headers)
    request.user = ANYBODY
    request.client = 'anybody'
    return
  }
  const token = findToken(request.headers.authorization, access)
  const needed = request.method === 'GET' || request.method === 'HEAD' ? 'read' : 'write'
  if (RANK[token.role] < RANK[needed]) {
    throw new Problem('forbidden', `the token's role is ${token.role}; ${needed} is needed`, {
      headers: { 'www-authenticate': `${REALM}, error="insufficient_scope"` },
    })
  }
  request.client = `token ${access.tokens.indexOf(token)}`
  request.user = token.gateway ? userOfGateway(request.raw, token, access) : token.user
}

const RANK: Record<Role, number> = { read: 1, write: 2, admin: 3 }

/** @throws Problem `unauthorized` */
function findToken(authorization: string | undefined, { tokens }: Access): ApiToken {
  const given = /^Bearer +([^ ]+) *$/i.exec(authorization ?? '')?.[1]
  if (given === undefined) {
    throw unauthorized('a token is needed: "Authorization: Bearer TOKEN"', REALM)
  }
  const hash = hashToken(given)
  let found: ApiToken | undefined
  // All are compared, each in full: the time taken tells nothing of any of them.
  for (const token of tokens) if (timingSafeEqual(token.hash, hash)) found = token
  if (!found) throw unauthorized('the token is not known', `${REALM}, error="invalid_token"`)
  return found
}

const unauthorized = (detail: string, challenge: string) =>
  new Problem('unauthorized', detail, {
    path: 'headers/authorization',
    headers: { 'www-authenticate': challenge },
  })

/** Who asks by way of a gateway; the gateway itself when it names nobody. */
function userOfGateway(request: IncomingMessage, token: ApiToken, { userHeaders }: Access): User {
  const id = header(request, userHeaders.id)
  const name = header(request, userHeaders.name)
  if (id === undefined && name === undefined) return token.user
  if (id === undefined) throw invalid(`headers/${userHeaders.id}`, 'the user id is missing')
  if (name === undefined) throw invalid(`headers/${userHeaders.name}`, 'the user name is missing')
  const problem = userProblem({ id, name })
  if (problem === undefined) return { id, name }
  throw invalid(
    `headers/${problem.startsWith('user id') ? userHeaders.id : userHeaders.name}`,
    problem,
  )
}

/** A header's text, as UTF-8: Node.js takes each byte for a character. */
function header({ headersDistinct }: IncomingMessage, name: string): string | undefined {
  const [value, second] = headersDistinct[name] ?? []
  if (value === undefined) return undefined
  // One of them is not the gateway's.
  if (second !== undefined) throw invalid(`headers/${name}`, 'the header is there twice')
  const bytes = Buffer.from(value, 'latin1')
  if (!isUtf8(bytes)) throw invalid(`headers/${name}`, 'the header is not UTF-8')
  return bytes.toString()
}
