import { createHash } from 'node:crypto'
import { badInput, quoted } from '../errors.ts'
import type { Database, NewId, User } from '../database.ts'
import { DUPLICATE_POLICIES, type DuplicatePolicy } from '../messages.ts'
import { findBrands } from './brands.ts'
import { checkNameTemplate } from './name-template.ts'
import { canonicalText } from './product-key.ts'
import { userProblem } from './read-product.ts'

/** Target brands of one request at the most. */
const MAX_TARGETS = 1000

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
 * @throws ProductCopyError `bad-input`; nothing is written then
 */
export async function recordCopyRequest(
  database: Database,
  newId: NewId,
  request: CopyRequest,
): Promise<{ id: string; repeated: boolean }> {
  const { sourceBrand, targetBrands } = await checkRequest(database, request)
  const id = newId()
  const row = {
    id,
    request_key: request.requestKey ?? null,
    content_hash: contentHash(sourceBrand, targetBrands, request),
    source_brand: sourceBrand,
    target_brands: JSON.stringify(targetBrands),
    name_template: request.nameTemplate,
    policy: request.policy,
    user_id: request.user.id,
    user_name: request.user.name,
  }
  // Without a key there is nothing to compare: the mall's records may be doubled.
  if (row.request_key === null) {
    await database.knex('copy_request').insert(row)
    return { id, repeated: false }
  }
  await database.inTransaction((trx) =>
    trx('copy_request').insert(row).onConflict('request_key').ignore(),
  )
  const kept = await database
    .knex('copy_request')
    .where({ request_key: row.request_key })
    .first<{ id: string; content_hash: string }>('id', 'content_hash')
  if (kept.content_hash !== row.content_hash) {
    throw badInput(
      `request key ${quoted(request.requestKey)} was used for other content by request ${kept.id}`,
    )
  }
  return { id: kept.id, repeated: kept.id !== id }
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
  if (targets.size === 0) throw badInput('no target brand is given: name at least one')
  if (targets.size > MAX_TARGETS) {
    throw badInput(`${targets.size} target brands are given, at most ${MAX_TARGETS} are allowed`)
  }
  if (targets.has(canonicalText(request.sourceBrand))) {
    throw badInput(`brand ${quoted(request.sourceBrand)} cannot be copied into itself`)
  }
  const brands = await findBrands(database, [request.sourceBrand, ...targets.keys()])
  const nameOf = (name: string): string => {
    const brand = brands.get(canonicalText(name))
    if (brand) return brand.name
    throw badInput(
      `unknown brand ${quoted(name)}: "product-copy brands" lists them, "product-copy brands add NAME" adds one`,
    )
  }
  return {
    sourceBrand: nameOf(request.sourceBrand),
    targetBrands: [...targets.values()].map(nameOf),
  }
}

function contentHash(sourceBrand: string, targetBrands: string[], request: CopyRequest): string {
  const { nameTemplate, policy, user } = request
  const targets = [...targetBrands].sort()
  const content = [sourceBrand, targets, nameTemplate, policy, user.id, user.name]
  return createHash('sha256').update(JSON.stringify(content)).digest('hex')
}
