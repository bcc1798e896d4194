import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { ensureBrands } from '../src/products/brands.ts'
import { keyText, productKey } from '../src/products/product-key.ts'
import type { Item } from '../src/messages.ts'
import { copiedProduct, SOURCE, TARGETS } from './catalogue.ts'
import { createJobHandler } from './job.ts'
import { openPlace } from './place.ts'
import { usageOf } from './processes.ts'
import type { SqlPart } from '../stack/sql.ts'
import type { Place, Run, Way } from './way.ts'

const CONNECTIONS = 8
const LOCK_MS = 10_000
const UNLOCK = `if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0`

/** A lock in Redis around each product, written by one script: no queue, no messages, no results. */
export const redisLock = (database: SqlPart, products: number): Way => ({
  name: `a Redis lock a product, ${database}`,
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
    const before = usageOf(process.pid).cpuSeconds
    const started = performance.now()
    let next = 0
    const write = async () => {
      while (next < place.products) {
        const item = copiedProduct(next++)
        await locked(redis, prefix + keyText(keyOf(item)), () => handle({ items: [item] }))
      }
    }
    await Promise.all(Array.from({ length: CONNECTIONS }, write))
    const seconds = (performance.now() - started) / 1000
    const { cpuSeconds, peakMiB } = usageOf(process.pid)
    return { seconds, cpuSeconds: cpuSeconds - before, peakMiB }
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
