import { createHash } from 'node:crypto'
import { badInput, ProductCopyError, quoted } from '../errors.ts'
import type { Database, NewId, User } from '../database.ts'
import { DUPLICATE_POLICIES, type DuplicatePolicy } from '../messages.ts'
import { findBrands } from '../products/brands.ts'
import { checkNameTemplate } from './name-template.ts'
import { canonicalText } from '../products/product-key.ts'
import { userProblem } from '../products/read-product.ts'

/** How often a request is recorded at the most, when its id is taken. */
const MAX_ROUNDS = 5
/** Target brands of one request at the most. */
export const MAX_TARGETS = 1000

export interface CopyRequest {
  sourceBrand: string
  targetBrands: string[]
  nameTemplate: string
  policy: DuplicatePolicy
  user: User
  /** The caller's own name for the request, at most 128 printable ASCII characters. */
  requestKey?: string | undefined
}

/**
 * Step 1: records a request. The same request key with the same content is the same request.
 * @returns the request's id, and whether it was recorded before under its key
 * @throws ProductCopyError `bad-input`, `unknown-brand` or `key-reused`; nothing is written then
 */
export async function recordCopyRequest(
  database: Database,
  newId: NewId,
  request: CopyRequest,
): Promise<{ id: string; repeated: boolean }> {
  const { sourceBrand, targetBrands } = await checkRequest(database, request)
  const row = {
    request_key: request.requestKey ?? null,
    content_hash: contentHash(sourceBrand, targetBrands, request),
    source_brand: sourceBrand,
    target_brands: JSON.stringify(targetBrands),
    name_template: request.nameTemplate,
    policy: request.policy,
    user_id: request.user.id,
    user_name: request.user.name,
  }
  for (let round = 1; round <= MAX_ROUNDS; round++) {
    const id = newId()
    const recorded = await database.inTransaction((trx) =>
      database.dialect.insertUnlessTaken(trx, 'copy_request', { id, ...row }),
    )
    if (recorded) return { id, repeated: false }
    const kept = await findByKey(database, row.request_key)
    if (!kept) continue
    if (kept.content_hash === row.content_hash) return { id: kept.id, repeated: true }
    throw new ProductCopyError(
      'key-reused',
      `request key ${quoted(request.requestKey)} was used for other content by request ${kept.id}`,
      { field: 'requestKey' },
    )
  }
  throw new ProductCopyError('contended', `no free id was found in ${MAX_ROUNDS} rounds`)
}

/** Without a key there is nothing to compare: the mall's records may be doubled. */
async function findByKey({ knex }: Database, requestKey: string | null) {
  if (requestKey === null) return undefined
  return knex('copy_request')
    .where({ request_key: requestKey })
    .first<{ id: string; content_hash: string } | undefined>('id', 'content_hash')
}

/** Checks a request and finds its brands. @returns their names, as the brands write them */
async function checkRequest(database: Database, request: CopyRequest) {
  checkNameTemplate(request.nameTemplate)
  if (!DUPLICATE_POLICIES.includes(request.policy)) {
    const allowed = DUPLICATE_POLICIES.join(' and ')
    throw badInput(`policy ${quoted(request.policy)} is not known; allowed are ${allowed}`)
  }
  const { requestKey } = request
  if (requestKey !== undefined && !/^[\x21-\x7e]{1,128}$/.test(requestKey)) {
    throw badInput(
      `request key ${quoted(requestKey)} is not allowed: 1 to 128 printable ASCII characters`,
      'requestKey',
    )
  }
  const problem = userProblem(request.user)
  if (problem !== undefined) throw badInput(problem)
  return resolveBrands(database, request)
}

/** @returns the names as the brands write them, each target once */
async function resolveBrands(database: Database, request: CopyRequest) {
  const given = request.targetBrands.filter((name) => canonicalText(name) !== '')
  const targets = new Map(given.map((name) => [canonicalText(name), name]))
  const wrong = (problem: string) => badInput(problem, 'targetBrands')
  if (targets.size === 0) throw wrong('no target brand is given: name at least one')
  if (targets.size > MAX_TARGETS) {
    throw wrong(`${targets.size} target brands are given, at most ${MAX_TARGETS} are allowed`)
  }
  if (targets.has(canonicalText(request.sourceBrand))) {
    throw wrong(`brand ${quoted(request.sourceBrand)} cannot be copied into itself`)
  }
  const brands = await findBrands(database, [request.sourceBrand, ...targets.values()])
  const nameOf = (name: string, field: string): string => {
    const brand = brands.get(canonicalText(name))
    if (brand) return brand.name
    const hint = '"product-copy brands" lists them, "product-copy brands add NAME" adds one'
    throw new ProductCopyError('unknown-brand', `unknown brand ${quoted(name)}`, { field, hint })
  }
  return {
    sourceBrand: nameOf(request.sourceBrand, 'sourceBrand'),
    targetBrands: [...targets.values()].map((name) =>
      nameOf(name, `targetBrands/${request.targetBrands.indexOf(name)}`),
    ),
  }
}

function contentHash(sourceBrand: string, targetBrands: string[], request: CopyRequest): string {
  const { nameTemplate, policy, user } = request
  const targets = [...targetBrands].sort()
  const content = [sourceBrand, targets, nameTemplate, policy, user.id, user.name]
  return createHash('sha256').update(JSON.stringify(content)).digest('hex')
}
