import type { Broker, Handler, OutgoingMessage, Subscription } from '../broker.ts'
import { createFaultLog } from './fault-log.ts'
import { HIDDEN_MS, startReceiveLoops } from './receive-loops.ts'
import { acknowledge } from './rocketmq-acknowledge.ts'
import {
  shutDown,
  startConsumer,
  startProducer,
  type MessageView,
  type Producer,
  type RocketMqOptions,
} from './rocketmq-client.ts'

/** The proxy refuses more. */
const MAX_GROUP_BYTES = 63

/** RocketMQ 5, through its proxy. */
export function createRocketMqBroker(options: RocketMqOptions): Broker {
  const subscriptions = new Set<Subscription>()
  const sending = new Set<Promise<unknown>>()
  let producer: Promise<Producer> | undefined
  let closed = false

  function startedProducer(): Promise<Producer> {
    producer ??= startProducer(options).catch((error: unknown) => {
      // The next message tries again.
      producer = undefined
      throw error
    })
    return producer
  }

  return {
    async publish(message) {
      if (closed) throw new Error('the broker is closed')
      const sent = startedProducer().then((sender) => send(sender, options.prefix, message))
      sending.add(sent)
      await sent.finally(() => sending.delete(sent))
    },
    async subscribe(topic, consumerGroup, handle, ready) {
      const subscription = await subscribe(options, topic, consumerGroup, handle, ready)
      subscriptions.add(subscription)
      return subscription
    },
    async close() {
      closed = true
      await Promise.all([...subscriptions].map((subscription) => subscription.stop()))
      // Each has its time-outs: what is on its way arrives, or its sender is told.
      await Promise.allSettled(sending)
      const started = await producer?.catch(() => undefined)
      if (started) await shutDown(started)
    },
  }
}

/** Older clients send without a group, or with a longer one than is taken from us with the answer. */
const usableGroup = (group = ''): string =>
  group === '' || Buffer.byteLength(group) > MAX_GROUP_BYTES ? 'no-group' : group

const send = (producer: Producer, prefix: string, { topic, group, body }: OutgoingMessage) =>
  producer.send({ topic: prefix + topic, messageGroup: group, body: Buffer.from(body) })

async function subscribe(
  options: RocketMqOptions,
  topic: string,
  consumerGroup: string,
  handle: Handler,
  ready?: (stopping: AbortSignal) => Promise<void>,
): Promise<Subscription> {
  const client = await startConsumer(options, topic, consumerGroup)
  const logger = options.logger.child({ consumerGroup: options.prefix + consumerGroup })
  const receiving = startReceiveLoops<MessageView>({
    source: {
      receive: (max) => client.receive(max, HIDDEN_MS),
      toDelivery: ({ messageGroup, body, deliveryAttempt = 1 }) => ({
        topic,
        group: usableGroup(messageGroup),
        body: body.toString('utf8'),
        attempt: deliveryAttempt,
      }),
      hide: (message, ms) => client.changeInvisibleDuration(message, ms),
      acknowledge: (messages) => acknowledge(client, messages),
    },
    handle,
    ready,
    loops: options.loops,
    fault: createFaultLog(logger, {
      fails: 'RocketMQ does not answer, asking again',
      over: 'RocketMQ answers again',
    }),
    logger,
  })
  // Calls that wait for a message last 5 s, which is what the proxy makes of less. A process that ends
  // earlier loses nothing: the proxy takes a message that it has given to such a call back after a second,
  // but gives it to the next such call then, so that it may be 5 s late, with an attempt used up by each.
  void receiving.ended.then(() => shutDown(client))
  return { stop: () => receiving.stop() }
}
