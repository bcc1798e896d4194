import type { ErrorObject } from 'ajv'
import type { FastifyError } from 'fastify'
import type { Dialect } from '../database.ts'
import { errorText, isForeseen, quoted, type ErrorCode } from '../errors.ts'
import { invalid, overloaded, Problem, type ProblemCode } from './problems.ts'

/** Anything thrown as an answer. What was not foreseen is `internal`, and says nothing of itself. */
export function toProblem(error: unknown, dialect: Dialect): Problem {
  if (error instanceof Problem) return error
  if (isForeseen(error)) {
    const code = CODE_OF[error.code]
    if (code === 'contended') return overloaded(code, error.detail)
    if (code !== 'internal') return new Problem(code, error.detail, { path: pathOf(error.field) })
  } else if (isFrameworkError(error)) {
    return fromFramework(error)
  } else if (dialect.isAway(error)) {
    return overloaded('unavailable', 'the database is away, try again later')
  } else if (dialect.isRetryable(error)) {
    return overloaded('contended', 'other writers were in the way again and again, try again')
  }
  return new Problem('internal', 'something went wrong here; it is in the log')
}

const CODE_OF: Record<ErrorCode, ProblemCode> = {
  'bad-input': 'invalid-request',
  'invalid-product': 'invalid-product',
  'unknown-brand': 'unknown-brand',
  'not-found': 'not-found',
  'key-reused': 'idempotency-key-reused',
  'could-not-run': 'internal',
  'unreadable-message': 'internal',
  contended: 'contended',
}

/** Where the API has fields of the domain whose names are others there. */
const PATHS: Record<string, string> = {
  sourceBrand: 'body/from',
  targetBrands: 'body/to',
  nameTemplate: 'body/name',
  id: 'path/id',
  requestKey: 'headers/idempotency-key',
}

function pathOf(field: string | undefined): string | undefined {
  if (field === undefined) return undefined
  const [first, ...rest] = field.split('/')
  return [PATHS[first!] ?? `body/${first}`, ...rest].join('/')
}

/** Its own errors, and a body that broke off: other statuses are not meant for the one who asks. */
const isFrameworkError = (error: unknown): error is FastifyError => {
  const { statusCode = 500, code = '' } = error as Partial<FastifyError>
  return statusCode < 500 && (code.startsWith('FST_') || code === 'ECONNRESET')
}

const IN_PATH = new Set(['FST_ERR_BAD_URL', 'FST_ERR_MAX_PARAM_LENGTH'])

function fromFramework(error: FastifyError): Problem {
  const [first] = error.validation ?? []
  if (first) return fromValidation(first as ErrorObject, error.validationContext)
  const path = 'body'
  if (error.statusCode === 413) return new Problem('too-large', 'the body is too large', { path })
  if (error.statusCode === 415) {
    const detail = 'the body must be JSON, with the content type application/json'
    return new Problem('unsupported-media-type', detail, { path: 'headers/content-type' })
  }
  const where = IN_PATH.has(error.code) ? 'path' : path
  return invalid(where, `the ${where} cannot be read: ${errorText(error)}`)
}

const PART_OF: Record<string, string> = { querystring: 'query', params: 'path' }

function fromValidation(error: ErrorObject, context = 'body'): Problem {
  const { instancePath, keyword, params, parentSchema } = error
  const at = (PART_OF[context] ?? context) + instancePath
  const inside = (name: string) => `${at}/${name.slice(0, 100)}`
  switch (keyword) {
    case 'required': {
      const path = inside(String(params['missingProperty']))
      return invalid(path, `${path} is missing`)
    }
    case 'additionalProperties': {
      const name = String(params['additionalProperty'])
      const known = Object.keys(parentSchema?.['properties'] as object)
      const allowed = known.length > 0 ? `allowed are ${known.join(', ')}` : 'none is allowed'
      return invalid(inside(name), `${at} has ${quoted(name)}, which is not known; ${allowed}`)
    }
    case 'enum': {
      const allowed = (params['allowedValues'] as unknown[]).join(', ')
      return invalid(at, `${at} is ${quoted(error.data)}; it must be one of ${allowed}`)
    }
    case 'pattern':
      return invalid(
        at,
        `${at} is ${quoted(error.data)}; it must be ${String(parentSchema?.['description'])}`,
      )
    default:
      return invalid(at, `${at} is ${quoted(error.data)}; it must ${ruleOf(error)}`)
  }
}

const TYPES: Record<string, string> = {
  string: 'a text',
  number: 'a number',
  integer: 'a whole number',
  boolean: 'true or false',
  object: 'an object',
  array: 'a list',
  null: 'null',
}
const either = new Intl.ListFormat('en-GB', { type: 'disjunction' })

/** What a value must do to fit the keyword of the schema that it does not fit. */
function ruleOf({ keyword, params }: ErrorObject): string {
  const limit = Number(params['limit'])
  const count = (what: string) => `${limit} ${what}${limit === 1 ? '' : 's'}`
  switch (keyword) {
    case 'type':
      return `be ${either.format([params['type']].flat().map((type) => TYPES[String(type)]!))}`
    case 'minimum':
      return `be at least ${limit}`
    case 'maximum':
      return `be at most ${limit}`
    case 'minLength':
      return `have at least ${count('character')}`
    case 'maxLength':
      return `have at most ${count('character')}`
    case 'minItems':
      return `have at least ${count('item')}`
    case 'maxItems':
      return `have at most ${count('item')}`
    case 'minProperties':
      return `have at least ${count('field')}`
    default:
      return 'be what the schema at /docs says'
  }
}
