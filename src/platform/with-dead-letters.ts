import { oneByOne, type Delivery, type Handler, type Subscriber } from '../broker.ts'
import { keepDeadLetter } from '../copy/dead-letters.ts'
import type { Database, NewId, Transaction } from '../database.ts'
import { errorText, isForeseen } from '../errors.ts'
import type { DatabaseWatch } from './database-watch.ts'
import type { Logger } from './logger.ts'

/** Deliveries of one message before it goes to the dead letters. */
const MAX_ATTEMPTS = 10

/** How often the database may go away while a message is handled, before that is the message's fault. */
const MAX_LOSSES = 5

/** What a consumer works with. */
export interface ConsumerParts {
  subscriber: Subscriber
  database: Database
  watch: DatabaseWatch
  newId: NewId
  logger: Logger
}

export interface MessageHandling<M> extends Omit<ConsumerParts, 'subscriber'> {
  read: (delivery: Delivery) => M
  /** Handles messages, in this order. Those of a failed call come again, each in a call of its own. */
  handle: (messages: M[]) => Promise<void>
  /** Answers for a message that is given up, together with keeping it. */
  giveUp?: (trx: Transaction, message: M, reason: string) => Promise<void>
}

/**
 * Reads and handles messages. What can never be handled goes to the dead letters at once, and what
 * failed too often goes there at last, so that neither blocks its queue for ever. When it cannot be
 * kept there either, the message comes again.
 *
 * While the database is away the message stays in hand: it is not its fault, and uses up no attempt.
 */
export function withDeadLetters<M>(handling: MessageHandling<M>): Handler {
  return async (deliveries, stopping) => {
    const several = deliveries.length > 1
    if (several && (await areHandledTogether(handling, deliveries))) return deliveries.length
    // What failed before it may have used up its attempts: the last one is for it alone.
    const last = (delivery: Delivery) => !several && delivery.attempt >= MAX_ATTEMPTS
    const alone = oneByOne((delivery) => handleAlone(handling, delivery, last(delivery), stopping))
    return alone(deliveries, stopping)
  }
}

/** @returns false when one of them failed, whichever it was */
async function areHandledTogether<M>(
  { read, handle, watch }: MessageHandling<M>,
  deliveries: Delivery[],
): Promise<boolean> {
  try {
    await handle(deliveries.map(read))
    watch.worked()
    return true
  } catch {
    return false
  }
}

/** @throws what makes the message come again */
async function handleAlone<M>(
  handling: MessageHandling<M>,
  delivery: Delivery,
  last: boolean,
  stopping: AbortSignal,
): Promise<void> {
  const { read, handle, watch, database } = handling
  let losses = 0
  for (;;) {
    let message: M | undefined
    try {
      message = read(delivery)
      await handle([message])
      return watch.worked()
    } catch (error) {
      // A message that takes the database down each time uses up attempts after all.
      if (losses < MAX_LOSSES && (await watch.isAway(error))) {
        if (!database.dialect.isUnfit(error)) losses++
        await watch.ready(stopping)
      } else return fail(handling, delivery, { message, last, error })
    }
  }
}

/** @throws the error, when the message is to come again */
async function fail<M>(
  handling: MessageHandling<M>,
  delivery: Delivery,
  { message, last, error }: { message: M | undefined; last: boolean; error: unknown },
): Promise<void> {
  const { logger } = handling
  const { topic, attempt } = delivery
  const failure = { topic, attempt, err: errorText(error) }
  if (isForeseen(error, 'unreadable-message')) {
    logger.warn(failure, 'message is kept as a dead letter')
    await keep(handling, delivery, undefined, errorText(error))
  } else if (last) {
    logger.error(failure, 'attempts are used up, message is kept as a dead letter')
    const reason = `gave up after ${attempt} attempts: ${errorText(error)}`
    await keep(handling, delivery, message, reason)
  } else {
    if (Number.isInteger(Math.log2(attempt))) logger.warn(failure, 'message will come again')
    throw error
  }
}

async function keep<M>(
  { database, newId, giveUp }: MessageHandling<M>,
  delivery: Delivery,
  message: M | undefined,
  reason: string,
): Promise<void> {
  await database.inTransaction(async (trx) => {
    await keepDeadLetter(trx, newId, delivery, reason)
    if (message !== undefined) await giveUp?.(trx, message, reason)
  })
}
