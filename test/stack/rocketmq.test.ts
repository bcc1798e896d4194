import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from '@jest/globals'
import type { Delivery } from '../../src/broker.ts'
import { HIDDEN_MS } from '../../src/platform/receive-loops.ts'
import { checkProducer, checkSubscription } from '../../src/platform/rocketmq-client.ts'
import { createRocketMqBroker } from '../../src/platform/rocketmq.ts'
import { messageGroup } from '../../src/products/message-group.ts'
import { brokerContract } from '../contract/broker.ts'
import { newGroup, newTopic } from '../support/own-names.ts'
import { silent } from '../support/silent.ts'
import { describeWith } from '../support/parts.ts'
import { until } from '../support/until.ts'

describeWith('rocketmq', ({ endpoints }) => {
  const options = { endpoints, tls: false, prefix: '', topics: [], loops: 4, logger: silent }

  brokerContract('RocketMQ', async () => {
    const topic = await newTopic()
    const groups: [string, string] = [await newGroup(), await newGroup()]
    return { broker: createRocketMqBroker({ ...options, topics: [topic] }), topic, groups }
  })

  test('small messages that were handled together are acknowledged, and do not come again', async () => {
    const [topic, group] = [await newTopic(), await newGroup()]
    const broker = createRocketMqBroker({ ...options, topics: [topic] })
    const bodies = Array.from({ length: 200 }, (_, i) => String(i))
    for (const body of bodies) await broker.publish({ topic, group: 'shard-1', body })
    const calls: string[][] = []
    await broker.subscribe(topic, group, async (deliveries) => {
      await Promise.resolve()
      calls.push(deliveries.map(({ body }) => body))
      return deliveries.length
    })
    await until('all are there', () => calls.flat().length >= bodies.length)
    await sleep(HIDDEN_MS + 2000)
    await broker.close()
    expect(calls.flat()).toEqual(bodies)
    expect(calls.length).toBeLessThan(bodies.length / 4)
  })

  test('a message that is in hand for long comes to nobody else, neither meanwhile nor afterwards', async () => {
    const [topic, group] = [await newTopic(), await newGroup()]
    const brokers = [1, 2].map(() => createRocketMqBroker({ ...options, topics: [topic] }))
    for (const body of ['long', 'short']) {
      await brokers[0]!.publish({ topic, group: 'shard-1', body })
    }
    const calls: string[] = []
    let done = 0
    const handle = async (deliveries: Delivery[]) => {
      for (const { body } of deliveries) {
        calls.push(body)
        await sleep(body === 'long' ? HIDDEN_MS + 2000 : 0)
        done++
      }
      return deliveries.length
    }
    for (const broker of brokers) await broker.subscribe(topic, group, handle)
    await until('both are done', () => done >= 2)
    await sleep(HIDDEN_MS + 2000)
    for (const broker of brokers) await broker.close()
    expect(calls).toEqual(['long', 'short'])
  })

  test.each([8, 5])('as many shards as there are queues, %i, have one each', async (queues) => {
    const [topic, group] = [await newTopic(queues), await newGroup()]
    const broker = createRocketMqBroker({ ...options, topics: [topic], loops: queues })
    for (let shard = 0; shard < queues; shard++) {
      await broker.publish({ topic, group: messageGroup(shard, queues), body: String(shard) })
    }
    let inHand = 0
    await broker.subscribe(topic, group, async (deliveries) => {
      inHand++
      // The second of a queue is not given out before the first is done.
      await until('all are in hand together', () => inHand === queues)
      return deliveries.length
    })
    await until('all are there', () => inHand === queues)
    await broker.close()
  })

  test('a producer of two topics starts, however early its settings come', async () => {
    const topics = [await newTopic(), await newTopic()]
    const began = performance.now()
    for (let i = 0; i < 50; i++) await checkProducer({ ...options, topics })
    // One that misses its settings waits for 15 s, and fails.
    expect(performance.now() - began).toBeLessThan(15_000)
  })

  test('a topic that is not there is named, with the command that makes it', async () => {
    const command =
      /^RocketMQ topic NONE does not exist, .*: mqadmin updateTopic .* -t NONE .*=FIFO$/
    await expect(checkProducer({ ...options, topics: ['NONE'] })).rejects.toThrow(command)
    await expect(checkSubscription(options, 'NONE', await newGroup())).rejects.toThrow(command)
  })

  test('a consumer group that is not there is named, with the command that makes it', async () => {
    await expect(checkSubscription(options, await newTopic(), 'none')).rejects.toThrow(
      /^RocketMQ consumer group none does not exist: mqadmin updateSubGroup .* -g none -o true -r 16$/,
    )
  })

  test('a consumer group without order is refused', async () => {
    const group = await newGroup(16, { orderly: false })
    await expect(checkSubscription(options, await newTopic(), group)).rejects.toThrow(
      new RegExp(`^RocketMQ consumer group ${group} is not orderly: mqadmin updateSubGroup `),
    )
  })

  test('a topic of another type is refused', async () => {
    const topic = await newTopic(8, 'NORMAL')
    const line = new RegExp(`^RocketMQ topic ${topic} is not FIFO: mqadmin updateTopic `)
    await expect(checkSubscription(options, topic, await newGroup())).rejects.toThrow(line)
    await expect(checkProducer({ ...options, topics: [topic] })).rejects.toThrow(line)
  })

  test('with the prefix topics and groups have names of their own', async () => {
    const topic = await newTopic()
    const group = await newGroup()
    const [prefix, rest] = [topic.slice(0, 5), topic.slice(5)]
    const broker = createRocketMqBroker({ ...options, prefix, topics: [rest] })
    await broker.publish({ topic: rest, group: 'g', body: 'x' })
    await broker.close()
    await expect(checkSubscription({ ...options, prefix }, rest, group)).rejects.toThrow(
      `RocketMQ consumer group ${prefix}${group} does not exist`,
    )
  })
})

test('endpoints where nobody listens are named', async () => {
  const options = { endpoints: '127.0.0.1:9', tls: false, prefix: '', loops: 1, logger: silent }
  await expect(checkProducer({ ...options, topics: ['T'] })).rejects.toThrow(
    /^ROCKETMQ_ENDPOINTS: no RocketMQ proxy answers at 127\.0\.0\.1:9 with ROCKETMQ_TLS=false: /,
  )
})
