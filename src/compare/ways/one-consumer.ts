import { oneByOne } from '../../broker.ts'
import { createMemoryBroker } from '../../platform/memory-broker.ts'
import type { Item } from '../../messages.ts'
import { NO_ANSWER, type Site, type Way, type Writer } from '../way.ts'
import {
  checkThenInsert,
  KEY,
  makeTable,
  plainTransaction,
  readRows,
  removeLogically,
  TABLE,
} from './keyed-table.ts'

const TOPIC = 'CHANGES'
type Change = { create: Item[] } | { remove: Item }

/**
 * Every change goes through one ordered queue to one consumer, and nobody else writes. A caller is
 * told that its message was taken; what became of it is published later, on a topic of its own.
 */
export const oneConsumerWay: Way = {
  name: 'one-consumer',
  async open(site) {
    await makeTable(site.database, { unique: false, columns: KEY })
    return startConsumer(site)
  },
}

async function startConsumer(site: Site): Promise<Writer> {
  const broker = createMemoryBroker({ topics: { [TOPIC]: ['writer'] }, queues: 1 })
  let open = 0
  const failures: unknown[] = []
  const waiting: (() => void)[] = []
  await broker.subscribe(
    TOPIC,
    'writer',
    oneByOne(async ({ body }) => {
      await apply(site, JSON.parse(body) as Change).catch((error: unknown) => failures.push(error))
      if (--open === 0) for (const resolve of waiting.splice(0)) resolve()
    }),
  )
  const publish = async (change: Change) => {
    open++
    try {
      await broker.publish({ topic: TOPIC, group: 'all', body: JSON.stringify(change) })
    } catch (error) {
      open--
      throw error
    }
  }
  return {
    table: TABLE,
    async create(items) {
      await publish({ create: items })
      return items.map(() => NO_ANSWER)
    },
    remove: (item) => publish({ remove: item }),
    async settled() {
      if (open > 0) await new Promise<void>((resolve) => waiting.push(resolve))
      return failures.splice(0)
    },
    close: () => broker.close(),
  }
}

async function apply(site: Site, change: Change): Promise<void> {
  if ('remove' in change) return removeLogically(site, change.remove)
  const rows = readRows(site, change.create)
  await plainTransaction(site.database, (trx) => checkThenInsert(trx, site, rows))
}
