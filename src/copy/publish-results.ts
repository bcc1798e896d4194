import { setTimeout as sleep } from 'node:timers/promises'
import type { Publisher } from '../broker.ts'
import type { Database } from '../database.ts'
import { PRODUCT_COPY_RESULT } from '../messages.ts'
import {
  letGo,
  markPublished,
  sendAll,
  type Outbox,
  type OutboxRow,
  type RowName,
} from './outbox.ts'

export const RESULT_OUTBOX: Outbox = {
  table: 'copy_result',
  mark: 'published_at',
  topic: PRODUCT_COPY_RESULT,
}

/** How long results that were published wait for others, to be marked together: a small part of their claim. */
const MARK_MS = 500
/** Marked by one statement at the most. */
const MAX_MARKED = 1000

/** Step 5 for whoever has just committed results: they need not be read back. */
export interface ResultPublisher {
  /** Publishes results that are claimed. Those that the broker refuses are left to the relay. */
  publish(rows: OutboxRow[]): Promise<void>
  /** Resolves when all that was published is marked. */
  stop(): Promise<void>
}

export function createResultPublisher(database: Database, publisher: Publisher): ResultPublisher {
  const published: RowName[] = []
  const stopping = new AbortController()
  let marking: Promise<void> | undefined

  async function mark(): Promise<void> {
    while (published.length > 0) {
      await sleep(MARK_MS, undefined, { signal: stopping.signal }).catch(() => undefined)
      const rows = published.splice(0, MAX_MARKED)
      // What is not marked is published once more by the relay, when the claim ends.
      await markPublished(database, RESULT_OUTBOX, rows).catch(() => undefined)
    }
    marking = undefined
  }

  return {
    async publish(rows) {
      const { taken, refused } = await sendAll(publisher, RESULT_OUTBOX, rows)
      published.push(...taken)
      if (published.length > 0) marking ??= mark()
      // Where that fails, the relay has them when the claim ends.
      await letGo(database, RESULT_OUTBOX, refused).catch(() => undefined)
    },
    async stop() {
      stopping.abort()
      await marking
    },
  }
}
