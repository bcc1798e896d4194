import type { Delivery } from '../broker.ts'
import type { NewId, Transaction } from '../database.ts'

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
