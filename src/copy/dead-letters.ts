import type { Delivery, Publisher } from '../broker.ts'
import { badInput, quoted } from '../errors.ts'
import type { Database, NewId, Transaction } from '../database.ts'
import { forgetGivenUp } from './answer-chunk.ts'
import { isId } from '../products/read-product.ts'

/** Keeps a message that nobody will handle any more, with the reason. */
export async function keepDeadLetter(
  trx: Transaction,
  newId: NewId,
  delivery: Delivery,
  reason: string,
): Promise<void> {
  await trx('dead_letter').insert({
    id: newId(),
    topic: delivery.topic,
    message_group: delivery.group,
    // PostgreSQL's text cannot hold NUL, and a letter that cannot be kept would come for ever.
    body: delivery.body.replaceAll('\u0000', '\ufffd'),
    reason: reason.replaceAll('\u0000', '\ufffd'),
    attempts: delivery.attempt,
  })
}

/** A dead letter without its body, which may be long. */
export interface DeadLetter {
  id: string
  topic: string
  group: string
  reason: string
  attempts: number
  /** Whether it is to be sent again, as soon as a relay runs. */
  redrive: boolean
  createDate: Date
}

const PAGE = 100

/** All dead letters, the oldest first. */
export async function* deadLetters(database: Database): AsyncGenerator<DeadLetter> {
  let after = '0'
  for (;;) {
    const rows = await database
      .knex('dead_letter')
      .where('id', '>', after)
      .orderBy('id')
      .limit(PAGE)
      .select<DeadLetterRow[]>(COLUMNS)
    for (const row of rows) yield toDeadLetter(row)
    const last = rows.at(-1)
    if (!last || rows.length < PAGE) return
    after = last.id
  }
}

/** @throws ProductCopyError `bad-input` when there is none with this id */
export async function readDeadLetter(
  database: Database,
  id: string,
): Promise<DeadLetter & { body: string }> {
  const row = isId(id)
    ? await database
        .knex('dead_letter')
        .where({ id })
        .first<DeadLetterRow | undefined>([...COLUMNS, 'body'])
    : undefined
  if (!row)
    throw badInput(`unknown dead letter ${quoted(id)}: "product-copy dead-letters list" shows them`)
  return { ...toDeadLetter(row), body: row.body }
}

/**
 * Lets a dead letter be sent again, to its topic and group, by the relay; unless somebody has discarded
 * it. Has the chunk been given up, that answer is forgotten, and the next one is another event.
 */
export async function redrive(database: Database, id: string): Promise<void> {
  await database.inTransaction(async (trx) => {
    const letter = await trx('dead_letter')
      .where({ id })
      .first<{ body: string } | undefined>('body')
    if (!letter) return
    await forgetGivenUp(trx, letter.body)
    await trx('dead_letter').where({ id }).update({ redrive_at: database.dialect.now() })
  })
}

/** Deletes a dead letter for good, unless somebody else has. */
export async function discard(database: Database, id: string): Promise<void> {
  await database.knex('dead_letter').where({ id }).delete()
}

/**
 * Publishes the letters that are to be sent again, and forgets them. A crash in between, or a second
 * relay, sends one twice, which its consumer bears.
 * @returns how many were published
 * @throws the first error of the broker, when all have been tried
 */
export async function publishRedriven(database: Database, publisher: Publisher): Promise<number> {
  const rows = await database
    .knex('dead_letter')
    .whereNotNull('redrive_at')
    .orderBy('id')
    .limit(PAGE)
    .select<DeadLetterRow[]>('id', 'topic', 'message_group', 'body')
  const failures: unknown[] = []
  for (const { id, topic, message_group: group, body } of rows) {
    try {
      await publisher.publish({ topic, group, body })
      await database.knex('dead_letter').where({ id }).delete()
    } catch (error) {
      // It must not keep those behind it waiting.
      failures.push(error)
    }
  }
  if (failures.length > 0) throw failures[0]
  return rows.length
}

interface DeadLetterRow {
  id: string
  topic: string
  message_group: string
  body: string
  reason: string
  attempts: number
  redrive_at: Date | null
  create_date: Date
}

const COLUMNS = ['id', 'topic', 'message_group', 'reason', 'attempts', 'redrive_at', 'create_date']

const toDeadLetter = (row: DeadLetterRow): DeadLetter => ({
  id: row.id,
  topic: row.topic,
  group: row.message_group,
  reason: row.reason,
  attempts: row.attempts,
  redrive: row.redrive_at !== null,
  createDate: row.create_date,
})
