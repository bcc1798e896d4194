import type { Knex } from 'knex'
import { badInput, ProductCopyError, quoted } from '../errors.ts'
import type { Database } from '../database.ts'
import type { DuplicatePolicy, OutcomeCounts } from '../messages.ts'
import { isId, MAX_ID } from '../products/read-product.ts'

/** A request's progress. The counts come from its chunks: with `pending` they add up to `items`. */
export interface CopyRequestStatus {
  id: string
  /** `expanding` while the job still makes chunks, so that `items` grows. */
  state: 'recorded' | 'expanding' | 'copying' | 'done'
  requestKey: string | null
  sourceBrand: string
  targetBrands: string[]
  nameTemplate: string
  policy: DuplicatePolicy
  items: number
  created: number
  existing: number
  rejected: number
  failed: number
  pending: number
}

/** @throws ProductCopyError `not-found` when there is no such request, `bad-input` for what is no id */
export async function copyRequestStatus(
  database: Database,
  id: string,
): Promise<CopyRequestStatus> {
  if (!isId(id))
    throw badInput(`request ${quoted(id)} is not an id: whole numbers up to ${MAX_ID} are`, 'id')
  const [row] = await statusRows(database).where('copy_request.id', id)
  if (!row) {
    const hint = '"product-copy copy" prints the ids'
    throw new ProductCopyError('not-found', `unknown request ${quoted(id)}`, { field: 'id', hint })
  }
  return toStatus(row)
}

/** How requests stand, the newest first: those with ids below `after`, in one state or in any. */
export async function listCopyRequests(
  database: Database,
  { state, after = `${MAX_ID}`, limit }: { state?: State; after?: string; limit: number },
): Promise<CopyRequestStatus[]> {
  const page = database
    .knex('copy_request')
    .where('id', '<', after)
    .modify((query) => state && whereState[state](query))
    .orderBy('id', 'desc')
    .limit(limit)
    .select('id')
    .as('page')
  const rows = await statusRows(database)
    .join(page, 'page.id', 'copy_request.id')
    .orderBy('copy_request.id', 'desc')
  return rows.map(toStatus)
}

type StatusRow = RequestRow & Record<keyof OutcomeCounts, string | null>

/** One statement, for one moment: read apart, the counts can run ahead of the items. */
const statusRows = ({ knex }: Database) =>
  knex('copy_request')
    .leftJoin('copy_chunk', 'copy_chunk.request_id', 'copy_request.id')
    .groupBy('copy_request.id')
    .sum({
      created: 'copy_chunk.created',
      existing: 'copy_chunk.existing',
      rejected: 'copy_chunk.rejected',
      failed: 'copy_chunk.failed',
    })
    .select<StatusRow[]>('copy_request.*')

function toStatus(row: StatusRow): CopyRequestStatus {
  const items = Number(row.items)
  const created = Number(row.created)
  const existing = Number(row.existing)
  const rejected = Number(row.rejected)
  const failed = Number(row.failed)
  return {
    id: row.id,
    state: stateOf(row),
    requestKey: row.request_key,
    sourceBrand: row.source_brand,
    targetBrands: JSON.parse(row.target_brands) as string[],
    nameTemplate: row.name_template,
    policy: row.policy,
    items,
    created,
    existing,
    rejected,
    failed,
    pending: items - created - existing - rejected - failed,
  }
}

/** A row of copy_request, as the drivers give it. */
export interface RequestRow {
  id: string
  request_key: string | null
  source_brand: string
  target_brands: string
  name_template: string
  policy: DuplicatePolicy
  user_id: string
  user_name: string
  expanded_to_id: string
  last_source_id: string | null
  chunks: number
  items: string
  expanded_at: Date | null
  completed_at: Date | null
}

type State = CopyRequestStatus['state']

function stateOf(row: RequestRow): State {
  if (row.completed_at) return 'done'
  if (row.expanded_at) return 'copying'
  return row.chunks > 0 ? 'expanding' : 'recorded'
}

/** The same for the database. What is not expanded is not completed either, and an index knows those. */
const whereState: Record<State, (query: Knex.QueryBuilder) => void> = {
  done: (query) => void query.whereNotNull('completed_at'),
  copying: (query) => void query.whereNull('completed_at').whereNotNull('expanded_at'),
  expanding: (query) => void query.whereNull('expanded_at').where('chunks', '>', 0),
  recorded: (query) => void query.whereNull('expanded_at').where('chunks', 0),
}

/** The oldest requests that are not done yet. */
export function openRequests(database: Database, limit: number): Promise<string[]> {
  return database
    .knex('copy_request')
    .whereNull('completed_at')
    .orderBy('id')
    .limit(limit)
    .pluck<string[]>('id')
}

/** Requests that are looked at together: those of a batch of results are fewer. */
const MAX_COMPLETED = 1000

/**
 * Marks requests as done whose chunks are all done.
 *
 * To be called after each change that may have been a request's last one is committed: two transactions
 * that complete the last two chunks at the same moment do not see each other, but the later of these calls
 * sees both. A process that dies between the two leaves it to the next call for all.
 *
 * They are read first, for no chunk comes to one whose chunks are all made and done. An UPDATE alone would
 * see each of them as it is when its lock comes free, but MySQL's would see their chunks as they were before.
 *
 * @param ids of the requests that may be done; without them, it may be any
 */
export async function completeRequests(database: Database, ids?: string[]): Promise<void> {
  const { knex, dialect } = database
  const done = await knex('copy_request')
    .modify((query) => ids && void query.whereIn('id', ids))
    .whereNotNull('expanded_at')
    .whereNull('completed_at')
    .whereNotExists(
      knex('copy_chunk')
        .select(knex.raw('1'))
        .whereRaw('copy_chunk.request_id = copy_request.id')
        .whereNull('copy_chunk.completed_at'),
    )
    .limit(MAX_COMPLETED)
    .pluck<string[]>('id')
  if (done.length === 0) return
  await database.inStatement((connection) =>
    connection('copy_request')
      .whereIn('id', done)
      .whereNull('completed_at')
      .update({ completed_at: dialect.now() }),
  )
}
