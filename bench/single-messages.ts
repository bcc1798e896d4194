import { oneByOne, type Broker } from '../src/broker.ts'
import { PRODUCT_COPY, PRODUCT_COPY_RESULT, type Item } from '../src/messages.ts'
import { createLogger } from '../src/platform/logger.ts'
import { createRocketMqBroker } from '../src/platform/rocketmq.ts'
import { messageGroup, productKey, shardOf } from '../src/products/product-key.ts'
import type { Env } from '../stack/part.ts'
import { copiedProduct } from './catalogue.ts'
import type { Pass } from './way.ts'

const IN_FLIGHT = 512
const LOOPS = 8

export const connect = (env: Env): Broker =>
  createRocketMqBroker({
    endpoints: env['ROCKETMQ_ENDPOINTS']!,
    tls: false,
    prefix: env['ROCKETMQ_PREFIX']!,
    topics: [PRODUCT_COPY, PRODUCT_COPY_RESULT],
    unordered: [PRODUCT_COPY_RESULT],
    loops: LOOPS,
    logger: createLogger('silent'),
  })

/** What a system sends that has one product to create at a time. */
export interface SingleMessages {
  /** Message groups over which the products' keys are spread. */
  shards: number
  /** @param no the product's number */
  body(item: Item, no: number): string
  /** @returns how many products a result says were created */
  created(body: string): number
}

/** Sends a message for each product, and counts the results. */
export async function singleMessages(env: Env, messages: SingleMessages): Promise<Pass> {
  const broker = connect(env)
  let created = 0
  let expected = 0
  let tell = () => undefined as void
  const count = oneByOne(({ body }) => {
    created += messages.created(body)
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
          const no = next++
          const item = copiedProduct(no)
          const key = productKey(item['name'] as string, item['model'] as string)
          const group = messageGroup(shardOf(key, messages.shards))
          await broker.publish({ topic: PRODUCT_COPY, group, body: messages.body(item, no) })
        }
      }
      await Promise.all(Array.from({ length: IN_FLIGHT }, send))
      await done
    },
    close: () => broker.close(),
  }
}
