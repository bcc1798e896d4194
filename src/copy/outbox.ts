import type { OutgoingMessage, Publisher } from '../broker.ts'
import type { Knex } from 'knex'
import type { Database } from '../database.ts'

/** How long a process may hold a row that it is publishing before another one takes it. */
export const CLAIM_MS = 30_000
/** When a claim ends that is made now. */
export const claimEnd = ({ dialect }: Database) => dialect.now(CLAIM_MS)
/** How long a row rests that the broker refused: it must not keep those behind it waiting. */
const REFUSED_MS = 2000

/**
 * A table whose committed rows are published: nothing is published that is not committed, and a row
 * without its mark is published again after a crash.
 */
export interface Outbox {
  table: 'copy_chunk' | 'copy_result'
  /** The column that is null until the broker has taken the message. */
  mark: 'sent_at' | 'published_at'
  topic: string
}

export interface RowName {
  request_id: string
  chunk_no: number
}

/** What is published of a row. */
export interface OutboxRow extends RowName {
  message_group: string
  body: string
}

/**
 * Publishes up to `limit` waiting rows, all of them in flight at once.
 *
 * The rows are claimed first, in a transaction of their own: none stays open while the broker is
 * slow. Several processes may do this at the same time.
 *
 * @returns how many were published
 * @throws the first error of the broker; the rows that it took are marked, the others come again
 */
export async function publishWaiting(
  database: Database,
  publisher: Publisher,
  outbox: Outbox,
  limit: number,
): Promise<number> {
  const rows = await claim(database, outbox, limit)
  await publishClaimed(database, publisher, outbox, rows)
  return rows.length
}

/**
 * Publishes rows that are claimed for the caller, all of them in flight at once.
 * @throws the first error of the broker; the rows that it took are marked, the others wait
 */
export async function publishClaimed(
  database: Database,
  publisher: Publisher,
  outbox: Outbox,
  rows: OutboxRow[],
): Promise<void> {
  const { taken, refused, failure } = await sendAll(publisher, outbox, rows)
  await markPublished(database, outbox, taken)
  await letGo(database, outbox, refused)
  if (failure) throw failure.reason
}

/** Sends rows, all of them in flight at once. @returns what became of them, and the first refusal */
export async function sendAll(
  publisher: Publisher,
  outbox: Outbox,
  rows: OutboxRow[],
): Promise<{
  taken: OutboxRow[]
  refused: OutboxRow[]
  failure: PromiseRejectedResult | undefined
}> {
  const sent = await Promise.allSettled(rows.map((row) => publisher.publish(message(outbox, row))))
  return {
    taken: rows.filter((_, index) => sent[index]?.status === 'fulfilled'),
    refused: rows.filter((_, index) => sent[index]?.status === 'rejected'),
    failure: sent.find((result) => result.status === 'rejected'),
  }
}

async function claim(database: Database, outbox: Outbox, limit: number): Promise<OutboxRow[]> {
  const { knex, dialect } = database
  const waiting = (connection: Knex) =>
    connection(outbox.table)
      .whereNull(outbox.mark)
      .where((free) => {
        void free.whereNull('claimed_until').orWhere('claimed_until', '<', dialect.now())
      })
  // Mostly there is nothing, for each is published by whoever wrote it; that takes no transaction to see.
  if (!(await waiting(knex).first('chunk_no'))) return []
  return database.inTransaction(async (trx) => {
    const rows = await waiting(trx)
      .orderBy(['chunk_no', 'request_id'])
      .limit(limit)
      .forUpdate()
      .skipLocked()
      .select<OutboxRow[]>('request_id', 'chunk_no', 'message_group', 'body')
    if (rows.length > 0) {
      await trx(outbox.table)
        .where(oneOf(rows))
        .update({ claimed_until: claimEnd(database) })
    }
    return rows
  })
}

/** Says of claimed rows that the broker has them. */
export function markPublished(database: Database, outbox: Outbox, rows: RowName[]): Promise<void> {
  const { knex, dialect } = database
  return update(database, outbox, rows, {
    [outbox.mark]: dialect.now(),
    ...(outbox.table === 'copy_chunk' && { sends: knex.raw('sends + 1') }),
  })
}

/** Leaves claimed rows that the broker refused to whoever looks for waiting ones, after a rest. */
export function letGo(database: Database, outbox: Outbox, rows: RowName[]): Promise<void> {
  return update(database, outbox, rows, { claimed_until: database.dialect.now(REFUSED_MS) })
}

async function update(database: Database, outbox: Outbox, rows: RowName[], change: object) {
  if (rows.length === 0) return
  // It locks many rows, in an order of the database's own: who records results at this moment may have
  // some of them. A mark that is lost to a deadlock would send all of them again.
  await database.inStatement((knex) =>
    // Not what was made anew, or is to be published once more, while this was on its way.
    knex(outbox.table).whereNotNull('claimed_until').where(oneOf(rows)).update(change),
  )
}

/**
 * Not as a list of pairs: MySQL compares a bigint with its text as two rounded numbers, but for a
 * column alone against constants. Two requests of one moment could be taken for one.
 */
const oneOf = (rows: RowName[]) => (where: Knex.QueryBuilder) => {
  const chunkNos = new Map<string, number[]>()
  for (const { request_id, chunk_no } of rows) {
    const others = chunkNos.get(request_id)
    if (others) others.push(chunk_no)
    else chunkNos.set(request_id, [chunk_no])
  }
  for (const [request_id, numbers] of chunkNos) {
    void where.orWhere((one) => void one.where({ request_id }).whereIn('chunk_no', numbers))
  }
}

const message = (outbox: Outbox, row: OutboxRow): OutgoingMessage => ({
  topic: outbox.topic,
  group: row.message_group,
  body: row.body,
})

/** An answer may take so long before its chunk is sent again; after that twice as long, and so on. */
const ANSWER_MS = 600_000
const MAX_DOUBLINGS = 7

/**
 * Lets chunks be sent again whose answer is long overdue. A broker that lost power may have lost the
 * message or the result; where it has not, and the consumers are just slow or stopped, a chunk that
 * comes twice costs little.
 */
export function sendOverdueAgain(database: Database): Promise<number> {
  const { dialect } = database
  return database.inStatement((knex) =>
    knex('copy_chunk')
      .whereNull('completed_at')
      .where((overdue) => {
        for (let doublings = 0; doublings <= MAX_DOUBLINGS; doublings++) {
          void overdue.orWhere((sent) => {
            void sent
              .where('sends', doublings < MAX_DOUBLINGS ? '=' : '>=', doublings + 1)
              .where('sent_at', '<', dialect.now(-ANSWER_MS * 2 ** doublings))
          })
        }
      })
      .update({ sent_at: null, claimed_until: null }),
  )
}

/**
 * Lets everything be sent again that has no answer yet, for a broker that forgets when it stops: a
 * chunk without a result is sent again, and its stored answer is then published again.
 */
export async function forgetInFlight(database: Database): Promise<void> {
  await database
    .knex('copy_chunk')
    .whereNull('completed_at')
    .update({ sent_at: null, claimed_until: null })
  await database.knex('copy_result').whereNull('published_at').update({ claimed_until: null })
}
