import {
  shutDown,
  startConsumer,
  startProducer,
  type SimpleConsumer,
} from '../src/platform/rocketmq-client.ts'
import type { Env } from '../stack/part.ts'
import { LOOPS, optionsOf, type SmallBroker } from './single-messages.ts'

const RECEIVED = 32
/** Nobody is killed here, and the last of 32 messages waits for 31 calls, each behind hundreds of others. */
const HIDDEN_MS = 300_000

/**
 * RocketMQ by its client for Node.js alone: one call for each message that is sent, and one for each that
 * is acknowledged.
 */
export async function connectStock(env: Env): Promise<SmallBroker> {
  const options = { ...optionsOf(env), unordered: [] }
  const producer = await startProducer(options)
  const consumers: SimpleConsumer[] = []
  const loops: Promise<void>[] = []
  let closed = false
  return {
    async publish({ topic, group, body }) {
      const to = { topic: options.prefix + topic, messageGroup: group }
      await producer.send({ ...to, body: Buffer.from(body) })
    },
    async subscribe(topic, consumerGroup, handle) {
      const consumer = await startConsumer(options, topic, consumerGroup)
      consumers.push(consumer)
      const receive = async () => {
        while (!closed) {
          for (const message of await consumer.receive(RECEIVED, HIDDEN_MS)) {
            const { messageGroup: group = '', body } = message
            await handle({ topic, group, body: body.toString('utf8'), attempt: 1 })
            await consumer.ack(message)
          }
        }
      }
      for (let i = 0; i < LOOPS; i++) loops.push(receive())
    },
    async close() {
      closed = true
      // A call that still waits would be given messages of the next way of the benchmark.
      await Promise.all(loops)
      await Promise.all([producer, ...consumers].map((client) => shutDown(client)))
    },
  }
}
