import type { Delivery, Handler } from '../broker.ts'
import { keepDeadLetter } from '../copy/dead-letters.ts'
import type { Database, NewId, Transaction } from '../database.ts'
import { errorText, isForeseen } from '../errors.ts'
import type { Logger } from './logger.ts'

/** Deliveries of one message before it goes to the dead letters. */
const MAX_ATTEMPTS = 10

export interface MessageHandling<M> {
  database: Database
  newId: NewId
  logger: Logger
  read: (delivery: Delivery) => M
  handle: (message: M) => Promise<void>
  /** Answers for a message that is given up, together with keeping it. */
  giveUp?: (trx: Transaction, message: M, reason: string) => Promise<void>
}

/**
 * Reads and handles a message. What can never be handled goes to the dead letters at once, and what
 * failed too often goes there at last, so that neither blocks its queue for ever. When it cannot be
 * kept there either, the message comes again.
 */
export function withDeadLetters<M>(handling: MessageHandling<M>): Handler {
  const { read, handle, logger } = handling
  return async (delivery) => {
    let message: M | undefined
    try {
      message = read(delivery)
      await handle(message)
    } catch (error) {
      const { topic, attempt } = delivery
      const failure = { topic, attempt, err: errorText(error) }
      if (isForeseen(error, 'unreadable-message')) {
        logger.warn(failure, 'message is kept as a dead letter')
        await keep(handling, delivery, undefined, errorText(error))
      } else if (attempt >= MAX_ATTEMPTS) {
        logger.error(failure, 'attempts are used up, message is kept as a dead letter')
        await keep(
          handling,
          delivery,
          message,
          `gave up after ${attempt} attempts: ${errorText(error)}`,
        )
      } else {
        if (Number.isInteger(Math.log2(attempt))) logger.warn(failure, 'message will come again')
        throw error
      }
    }
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
