// 5  committed copy_result rows -> result messages (PRODUCT_COPY_RESULT)
import type { Publisher } from '../src/broker.ts'
import { publishWaiting, type Outbox } from '../src/copy/outbox.ts'
import type { Database } from '../src/database.ts'
import { PRODUCT_COPY_RESULT } from '../src/messages.ts'
import type { Logger } from '../src/platform/logger.ts'
import { startLoop, type Loop } from '../src/platform/loop.ts'

const MESSAGES_IN_FLIGHT = 64
const IDLE_MS = 50
const OUTBOX: Outbox = { table: 'copy_result', mark: 'published_at', topic: PRODUCT_COPY_RESULT }

export interface ResultRelay {
  database: Database
  publisher: Publisher
  logger: Logger
}

export function startResultRelay({ database, publisher, logger }: ResultRelay): Loop {
  return startLoop('result-relay', logger, IDLE_MS, async () => {
    const sent = await publishWaiting(database, publisher, OUTBOX, MESSAGES_IN_FLIGHT)
    return sent > 0 ? 'worked' : 'idle'
  })
}
