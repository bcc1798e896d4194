import { Mutex } from 'redis-semaphore'
import { compareKeys, keyText } from '../../products/product-key.ts'
import type { Item } from '../../messages.ts'
import type { RedisConnection } from '../../platform/redis.ts'
import type { Answer, Site, Way } from '../way.ts'
import {
  checkThenInsert,
  KEY,
  makeTable,
  plainTransaction,
  readRows,
  removeLogically,
  TABLE,
} from './keyed-table.ts'

/**
 * Checks and inserts under a lock for each key: SET NX PX, which is renewed while it is held, and
 * deleted only by its owner. It is let go of after the commit.
 */
export const redisLockWay: Way = {
  name: 'redis-lock',
  unavailable: ({ hasRedis }) => (hasRedis ? undefined : 'needs REDIS_URL'),
  async open(site) {
    await makeTable(site.database, { unique: false, columns: KEY })
    return {
      table: TABLE,
      create: (items) => create(site, site.redis!, items),
      remove: (item) => removeLogically(site, item),
    }
  },
}

async function create(site: Site, redis: RedisConnection, items: Item[]): Promise<Answer[]> {
  const rows = readRows(site, items)
  let lost: Error | undefined
  // In one order for all, or two batches wait for each other until a lock is given up.
  const locks = rows
    .map(({ key }) => key)
    .sort(compareKeys)
    .map((key) => {
      const onLockLost = (error: Error) => void (lost = error)
      return new Mutex(redis.client, `${site.prefix}:${keyText(key)}`, { onLockLost })
    })
  try {
    for (const lock of locks) await lock.acquire()
    const answers = await plainTransaction(site.database, (trx) => checkThenInsert(trx, site, rows))
    if (lost) throw lost
    return answers
  } finally {
    await Promise.all(locks.map((lock) => lock.release()))
  }
}
