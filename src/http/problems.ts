import type { FastifyReply } from 'fastify'

/** Every code that an answer can have; docs/api.md says what each means. They never change. */
const PROBLEMS = {
  'invalid-request': { status: 400, title: 'Invalid request' },
  unauthorized: { status: 401, title: 'Token needed' },
  forbidden: { status: 403, title: 'Not allowed' },
  'not-found': { status: 404, title: 'Not found' },
  'method-not-allowed': { status: 405, title: 'Method not allowed' },
  timeout: { status: 408, title: 'Timed out' },
  'duplicate-product': { status: 409, title: 'Product exists' },
  'duplicate-products': { status: 409, title: 'Products exist' },
  'too-large': { status: 413, title: 'Body too large' },
  'unsupported-media-type': { status: 415, title: 'Unsupported media type' },
  'invalid-product': { status: 422, title: 'Invalid product' },
  'unknown-brand': { status: 422, title: 'Unknown brand' },
  'idempotency-key-reused': { status: 422, title: 'Idempotency key reused' },
  'rate-limited': { status: 429, title: 'Too many requests' },
  internal: { status: 500, title: 'Internal error' },
  contended: { status: 503, title: 'Contended' },
  unavailable: { status: 503, title: 'Unavailable' },
} as const
export type ProblemCode = keyof typeof PROBLEMS
export const PROBLEM_CODES = Object.keys(PROBLEMS) as ProblemCode[]

/** Seconds after which a request that was answered 503 may be tried again. */
const RETRY_AFTER_S = { contended: 1, unavailable: 2 }

interface Details {
  /** Where the fault is: `body/items/3/name`, `query/limit`, `path/id`, `headers/idempotency-key`. */
  path?: string | undefined
  headers?: Record<string, string>
  /** Further members of the answer. */
  more?: object
}

/** An answer that says what is wrong: application/problem+json. */
export class Problem extends Error {
  readonly code: ProblemCode
  readonly details: Details

  constructor(code: ProblemCode, detail: string, details: Details = {}) {
    super(detail)
    this.code = code
    this.details = details
  }

  get status(): number {
    return PROBLEMS[this.code].status
  }

  /** The body of the answer. */
  get body(): object {
    const { path, more } = this.details
    const { status, title } = PROBLEMS[this.code]
    return {
      type: 'about:blank',
      title,
      status,
      code: this.code,
      detail: this.message,
      ...(path !== undefined && { path }),
      ...more,
    }
  }
}

export const invalid = (path: string, detail: string): Problem =>
  new Problem('invalid-request', detail, { path })

/** An answer that asks to try again. */
export function overloaded(code: 'contended' | 'unavailable', detail: string): Problem {
  return new Problem(code, detail, { headers: { 'retry-after': String(RETRY_AFTER_S[code]) } })
}

export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  return reply
    .code(problem.status)
    .headers(problem.details.headers ?? {})
    .type('application/problem+json')
    .serializer(JSON.stringify)
    .send(problem.body)
}
