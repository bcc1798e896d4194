// 5  committed copy_result rows that nobody has published -> result messages (PRODUCT_COPY_RESULT);
//    dead letters that are redriven -> their topic
import type { Publisher } from '../src/broker.ts'
import { publishRedriven } from '../src/copy/dead-letters.ts'
import { publishWaiting } from '../src/copy/outbox.ts'
import { RESULT_OUTBOX } from '../src/copy/publish-results.ts'
import type { Database } from '../src/database.ts'
import type { DatabaseWatch } from '../src/platform/database-watch.ts'
import type { Logger } from '../src/platform/logger.ts'
import { startLoop, type Loop } from '../src/platform/loop.ts'

const MESSAGES_IN_FLIGHT = 64
const IDLE_MS = 200
const REDRIVE_MS = 1000

export interface ResultRelay {
  database: Database
  publisher: Publisher
  watch: DatabaseWatch
  logger: Logger
}

export function startResultRelay(parts: ResultRelay): Loop {
  const { database, publisher, watch, logger } = parts
  const results = startLoop('result-relay', { logger, watch, idleMs: IDLE_MS }, async () => {
    const sent = await publishWaiting(database, publisher, RESULT_OUTBOX, MESSAGES_IN_FLIGHT)
    return sent > 0 ? 'worked' : 'idle'
  })
  const redriven = startLoop('redrive', { logger, watch, idleMs: REDRIVE_MS }, async () => {
    const sent = await publishRedriven(database, publisher)
    return sent > 0 ? 'worked' : 'idle'
  })
  return {
    async stop() {
      await Promise.all([results.stop(), redriven.stop()])
    },
  }
}
