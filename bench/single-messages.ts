import { oneByOne, type Delivery, type OutgoingMessage } from '../src/broker.ts'
import { PRODUCT_COPY, PRODUCT_COPY_RESULT, type Item } from '../src/messages.ts'
import { createLogger } from '../src/platform/logger.ts'
import { createRocketMqBroker } from '../src/platform/rocketmq.ts'
import type { RocketMqOptions } from '../src/platform/rocketmq-client.ts'
import { messageGroup } from '../src/products/message-group.ts'
import { productKey, shardOf } from '../src/products/product-key.ts'
import type { Env } from '../stack/part.ts'
import { copiedProduct } from './catalogue.ts'
import type { Pass } from './way.ts'

const IN_FLIGHT = 512
export const LOOPS = 8

export const optionsOf = (env: Env): RocketMqOptions => ({
  endpoints: env['ROCKETMQ_ENDPOINTS']!,
  tls: false,
  prefix: env['ROCKETMQ_PREFIX']!,
  topics: [PRODUCT_COPY, PRODUCT_COPY_RESULT],
  unordered: [PRODUCT_COPY_RESULT],
  loops: LOOPS,
  logger: createLogger('silent'),
})

/** What takes and gives messages one at a time. */
export interface SmallBroker {
  publish(message: OutgoingMessage): Promise<void>
  subscribe(
    topic: string,
    consumerGroup: string,
    handle: (delivery: Delivery) => Promise<void>,
  ): Promise<void>
  close(): Promise<void>
}

/** By our own client, which sends, fetches and acknowledges small messages together. */
export function connectOurs(env: Env): SmallBroker {
  const broker = createRocketMqBroker(optionsOf(env))
  return {
    publish: (message) => broker.publish(message),
    async subscribe(topic, consumerGroup, handle) {
      await broker.subscribe(topic, consumerGroup, oneByOne(handle))
    },
    close: () => broker.close(),
  }
}

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
export async function singleMessages(broker: SmallBroker, messages: SingleMessages): Promise<Pass> {
  let created = 0
  let expected = 0
  let tell = () => undefined as void
  await broker.subscribe(PRODUCT_COPY_RESULT, 'copy-result', ({ body }) => {
    created += messages.created(body)
    if (created === expected) tell()
    return Promise.resolve()
  })
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
          const group = messageGroup(shardOf(key, messages.shards), messages.shards)
          await broker.publish({ topic: PRODUCT_COPY, group, body: messages.body(item, no) })
        }
      }
      await Promise.all(Array.from({ length: IN_FLIGHT }, send))
      await done
    },
    close: () => broker.close(),
  }
}
