import { Type, type TProperties, type TSchema } from 'typebox'
import { DEFAULT_NAME_TEMPLATE, MAX_TEMPLATE_LENGTH } from '../copy/name-template.ts'
import { MAX_TARGETS } from '../copy/record-request.ts'
import { DUPLICATE_POLICIES, OutcomeSchema } from '../messages.ts'
import type { Product } from '../products/find-products.ts'
import { quoted } from '../errors.ts'
import { isId, MAX_ID, MAX_LENGTH } from '../products/read-product.ts'
import { invalid, PROBLEM_CODES } from './problems.ts'

/** What a request may hold: nothing that is not named. */
export const strict = <P extends TProperties>(properties: P, options: object = {}) =>
  Type.Object(properties, { additionalProperties: false, ...options })

export const Id = Type.String({
  pattern: '^[1-9][0-9]{0,18}$',
  description: 'an id: a text of 1 to 19 digits',
})
export const IdParams = strict({ id: Id })

const brand = (example = 'Acme') =>
  Type.String({
    examples: [example],
    minLength: 1,
    maxLength: MAX_LENGTH.brand,
    pattern: '\\S',
    description: 'the name of a brand',
  })
const productFields = {
  brand: brand(),
  name: Type.String({ minLength: 1, maxLength: MAX_LENGTH.name, examples: ['Rocket Skates'] }),
  model: Type.String({ minLength: 1, maxLength: MAX_LENGTH.model, examples: ['RS-1'] }),
}
const moreFields = {
  price: Type.Optional(
    Type.Unsafe<string | number | null>({
      type: ['string', 'number', 'null'],
      examples: ['99.90'],
      description: 'at most 10 digits, a point and 2 digits; null where it is not known',
    }),
  ),
  attributes: Type.Optional(
    Type.Record(Type.String(), Type.Unknown(), {
      examples: [{ color: 'red' }],
      description: 'at most 4096 bytes as JSON',
    }),
  ),
}
const policy = Type.Enum(DUPLICATE_POLICIES, {
  default: 'return-existing',
  description: 'what is to be done about a product that is there',
})

const MAX_BATCH_ITEMS = 1000

export const NewProduct = strict({ ...productFields, ...moreFields, policy: Type.Optional(policy) })

export const Batch = strict({
  items: Type.Array(strict({ ...productFields, ...moreFields }), {
    minItems: 1,
    maxItems: MAX_BATCH_ITEMS,
  }),
  policy: Type.Optional(policy),
})

export const Change = strict(
  {
    brand: Type.Optional(productFields.brand),
    name: Type.Optional(productFields.name),
    model: Type.Optional(productFields.model),
    ...moreFields,
  },
  { minProperties: 1, description: 'what is to be different; attributes are replaced as a whole' },
)

export const DEFAULT_LIMIT = 100
const limit = (maximum: number) => Type.Integer({ minimum: 1, maximum, default: DEFAULT_LIMIT })

export const ProductsQuery = strict({
  name: Type.Optional(productFields.name),
  model: Type.Optional(productFields.model),
  brand: Type.Optional(brand()),
  after: Type.Optional(Id),
  limit: Type.Optional(limit(1000)),
})

export const NewBrand = strict({ name: brand() })

export const NewCopyRequest = strict({
  from: brand(),
  to: Type.Array(brand('Dune'), { minItems: 1, maxItems: MAX_TARGETS }),
  name: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: MAX_TEMPLATE_LENGTH,
      examples: [DEFAULT_NAME_TEMPLATE],
      description: 'the names of the copies, of {brand} and {name}',
    }),
  ),
  policy: Type.Optional(policy),
})
/** Headers that clients and proxies add are none of ours. */
export const IdempotencyKey = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      pattern: '^[\\x21-\\x7e]{1,128}$',
      description: '1 to 128 printable ASCII characters',
    }),
  ),
})

const STATES = ['recorded', 'expanding', 'copying', 'done'] as const
export const CopyRequestsQuery = strict({
  state: Type.Optional(Type.Enum(STATES)),
  after: Type.Optional(Id),
  // Each may name a thousand brands.
  limit: Type.Optional(limit(100)),
})

const nullable = (type: 'string') => Type.Unsafe<string | null>({ type: [type, 'null'] })
const time = Type.Unsafe<string | null>({ type: ['string', 'null'], format: 'date-time' })

export const ProductAnswer = Type.Object({
  id: Id,
  brand: nullable('string'),
  name: Type.String(),
  model: Type.String(),
  price: nullable('string'),
  attributes: Type.Record(Type.String(), Type.Unknown()),
  sourceProductId: nullable('string'),
  deleted: Type.Boolean(),
  mergedInto: Type.Unsafe<string | null>({
    type: ['string', 'null'],
    description: 'the product that stayed when this one was merged into it',
  }),
  user: Type.Object({ id: Type.String(), name: Type.String() }),
  createDate: time,
  editTime: time,
})

export const toProductAnswer = ({ createDate, editTime, ...product }: Product) => ({
  ...product,
  createDate: toTime(createDate),
  editTime: toTime(editTime),
})

/** Null for what another program has written and is no time, such as 0000-00-00 or infinity. */
const toTime = (value: unknown): string | null =>
  value instanceof Date && Number.isFinite(value.getTime()) ? value.toISOString() : null

export const Outcomes = Type.Object({ outcomes: Type.Array(OutcomeSchema) })

export const CopyRequestAnswer = Type.Object({
  id: Id,
  state: Type.Enum(STATES),
  requestKey: nullable('string'),
  sourceBrand: Type.String(),
  targetBrands: Type.Array(Type.String()),
  nameTemplate: Type.String(),
  policy: Type.Enum(DUPLICATE_POLICIES),
  items: Type.Integer(),
  created: Type.Integer(),
  existing: Type.Integer(),
  rejected: Type.Integer(),
  failed: Type.Integer(),
  pending: Type.Integer(),
})

/** @throws Problem for 19 digits that are more than 64 bits */
export function checkAfter(after: string): void {
  if (isId(after)) return
  throw invalid(
    'query/after',
    `query/after is ${quoted(after)}; whole numbers up to ${MAX_ID} are ids`,
  )
}

/** What `after` has to be for the next page; null after the last one. */
export const Next = nullable('string')

/** A full page may be the last one; the next is empty then. */
export const nextOf = (page: { id: string }[], limit: number): string | null =>
  page.length === limit ? page.at(-1)!.id : null

const problem = (more: TProperties = {}) =>
  Type.Object({
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    code: Type.Enum(PROBLEM_CODES),
    detail: Type.String(),
    path: Type.Optional(Type.String()),
    ...more,
  })
const asProblem = <S extends TSchema>(description: string, schema: S) => ({
  description,
  content: { 'application/problem+json': { schema } },
})
export const notFound = asProblem('`not-found`', problem())
export const duplicate = asProblem('`duplicate-product`', problem({ existingId: Id }))
export const duplicates = asProblem('`duplicate-products`', problem(Outcomes.properties))
export const unprocessable = (codes: string) => asProblem(codes, problem())
/** What every route may answer. */
export const anyProblem = asProblem('another problem, by its `code`', problem())
