import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { ensureBrands } from '../src/products/brands.ts'
import { keyText, productKey } from '../src/products/product-key.ts'
import type { Item } from '../src/messages.ts'
import { copiedProduct, type Range, SOURCE, TARGETS } from './catalogue.ts'
import { createJobHandler } from './job.ts'
import { openPlace } from './place.ts'
import type { SqlPart } from '../stack/sql.ts'
import { timedHere, type Place, type Run, type Way } from './way.ts'

const CONNECTIONS = 8
const LOCK_MS = 10_000
const UNLOCK = `if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0`

/** A lock in Redis around each product, written by one script: no queue, no messages, no results. */
export const redisLock = (database: SqlPart, products: number): Way => ({
  name: `a Redis lock a product, ${database}`,
  kind: 'redis-lock',
  database,
  products,
  run,
})

async function run(place: Place): Promise<Run> {
  const { database, newId, close } = await openPlace(place, CONNECTIONS)
  const redis = new Redis(place.env['REDIS_URL']!)
  const prefix = `bench-lock-${randomUUID()}:`
  try {
    await ensureBrands(database, newId, [SOURCE, ...TARGETS])
    const handle = await createJobHandler(database, newId)
    return await timedHere(place, async ({ first, products }: Range) => {
      let next = first
      const write = async () => {
        while (next < first + products) {
          const item = copiedProduct(next++)
          await locked(redis, prefix + keyText(keyOf(item)), () => handle({ items: [item] }))
        }
      }
      await Promise.all(Array.from({ length: CONNECTIONS }, write))
    })
  } finally {
    redis.disconnect()
    await close()
  }
}

const keyOf = (item: Item) => productKey(item['name'] as string, item['model'] as string)

async function locked(redis: Redis, key: string, work: () => Promise<unknown>): Promise<void> {
  const token = randomUUID()
  while ((await redis.set(key, token, 'PX', LOCK_MS, 'NX')) !== 'OK') await sleep(5)
  try {
    await work()
  } finally {
    await redis.eval(UNLOCK, 1, key, token)
  }
}
