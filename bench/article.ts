import { messageGroup, productKey, shardOf } from '../src/products/product-key.ts'
import { oneByOne, type Broker } from '../src/broker.ts'
import type { Item } from '../src/messages.ts'
import { PRODUCT_COPY, PRODUCT_COPY_RESULT } from '../src/messages.ts'
import { createRocketMqBroker } from '../src/platform/rocketmq.ts'
import { createLogger } from '../src/platform/logger.ts'
import type { Env } from '../stack/part.ts'
import { copiedProduct } from './catalogue.ts'
import { runWithWorkers, type PeerOptions } from './peer.ts'
import type { Pass, Way } from './way.ts'

const IN_FLIGHT = 64
const SHARDS = 64
const LOOPS = 8

const connect = (env: Env): Broker =>
  createRocketMqBroker({
    endpoints: env['ROCKETMQ_ENDPOINTS']!,
    tls: false,
    prefix: env['ROCKETMQ_PREFIX']!,
    topics: [PRODUCT_COPY, PRODUCT_COPY_RESULT],
    loops: LOOPS,
    logger: createLogger('silent'),
  })

/** The article's way: one message and one transaction for each product, and one message back. */
export const article = (options: Omit<PeerOptions, 'jobSize'>): Way => ({
  name: `the article's way: a message and a transaction a product, ${options.database}`,
  kind: 'article',
  database: options.database,
  products: options.products,
  run: (place) =>
    runWithWorkers('article', { ...options, jobSize: 1 }, place, () => submitter(place.env)),
})

async function submitter(env: Env): Promise<Pass> {
  const broker = connect(env)
  let created = 0
  let expected = 0
  let tell = () => undefined as void
  const count = oneByOne(({ body }) => {
    created += Number(body)
    if (created === expected) tell()
    return Promise.resolve()
  })
  await broker.subscribe(PRODUCT_COPY_RESULT, 'copy-result', count)
  return {
    async pass({ first, products }) {
      created = 0
      expected = products
      const done = new Promise<void>((resolve) => (tell = resolve))
      let next = first
      const send = async () => {
        while (next < first + products) {
          const item = copiedProduct(next++)
          const key = productKey(item['name'] as string, item['model'] as string)
          const group = messageGroup(shardOf(key, SHARDS))
          await broker.publish({ topic: PRODUCT_COPY, group, body: JSON.stringify(item) })
        }
      }
      await Promise.all(Array.from({ length: IN_FLIGHT }, send))
      await done
    },
    close: () => broker.close(),
  }
}

export async function workForArticle(
  env: Env,
  handle: (job: { items: Item[] }) => Promise<number>,
): Promise<() => Promise<void>> {
  const broker = connect(env)
  const create = oneByOne(async ({ body, group }) => {
    const created = await handle({ items: [JSON.parse(body) as Item] })
    await broker.publish({ topic: PRODUCT_COPY_RESULT, group, body: String(created) })
  })
  await broker.subscribe(PRODUCT_COPY, 'product-copy', create)
  return () => broker.close()
}
