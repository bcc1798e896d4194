import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { MAX_BATCH, oneByOne, type Broker, type Delivery, type Handler } from '../../src/broker.ts'
import { seededRandom } from '../support/random.ts'
import { until } from '../support/until.ts'

export interface BrokerUnderTest {
  broker: Broker
  /** A topic of 8 queues with two consumer groups, all of them new. */
  topic: string
  groups: [string, string]
}

const collecting = (bodies: string[]): Handler =>
  oneByOne(async ({ body }) => {
    bodies.push(body)
    await Promise.resolve()
  })

/** What every broker has to do. */
export function brokerContract(name: string, start: () => Promise<BrokerUnderTest>): void {
  describe(`broker contract: ${name}`, () => {
    let broker: Broker
    let topic: string
    let groups: [string, string]

    beforeEach(async () => {
      ;({ broker, topic, groups } = await start())
    })
    afterEach(() => broker.close())

    const publish = (group: string, body: string) => broker.publish({ topic, group, body })

    test('delivers a message as it was published', async () => {
      const deliveries: Delivery[] = []
      await broker.subscribe(
        topic,
        groups[0],
        oneByOne(async (delivery) => {
          deliveries.push(delivery)
          await Promise.resolve()
        }),
      )
      await publish('shard-1', '{"text":"Ünïcode 📱"}')
      await until('the message is there', () => deliveries.length > 0)
      expect(deliveries).toEqual([
        { topic, group: 'shard-1', body: '{"text":"Ünïcode 📱"}', attempt: 1 },
      ])
    })

    test('keeps what is published before anybody subscribes', async () => {
      await publish('shard-1', 'early')
      const bodies: string[] = []
      await broker.subscribe(topic, groups[0], collecting(bodies))
      await until('the message is there', () => bodies.length === 1)
      expect(bodies).toEqual(['early'])
    })

    test('keeps the order of each group and has one of its messages in hand at a time', async () => {
      const random = seededRandom('order')
      const seen = new Map<string, number[]>()
      const inHand = new Set<string>()
      let most = 0
      let total = 0
      const handle = async ({ group, body }: Delivery) => {
        if (inHand.has(group)) throw new Error(`two messages of ${group} are in hand`)
        inHand.add(group)
        most = Math.max(most, inHand.size)
        await sleep(random() * 2)
        seen.set(group, [...(seen.get(group) ?? []), Number(body)])
        inHand.delete(group)
        total++
      }
      for (let i = 0; i < 3; i++) await broker.subscribe(topic, groups[0], oneByOne(handle))
      const names = Array.from({ length: 64 }, (_, i) => `group-${i}`)
      for (let no = 0; no < 20; no++) {
        await Promise.all(names.map((group) => publish(group, String(no))))
      }
      await until('all messages are there', () => total === 64 * 20)
      const expected = Array.from({ length: 20 }, (_, i) => i)
      for (const group of names) expect(seen.get(group)).toEqual(expected)
      expect(most).toBeLessThanOrEqual(8)
      expect(most).toBeGreaterThan(1)
    })

    test('delivers a failed message again, with nothing of its group before it', async () => {
      const attempts: string[] = []
      await broker.subscribe(
        topic,
        groups[0],
        oneByOne(async ({ body, attempt }) => {
          attempts.push(`${body}${attempt}`)
          await Promise.resolve()
          if (body === 'a' && attempt < 3) throw new Error('not yet')
        }),
      )
      await publish('shard-1', 'a')
      await publish('shard-1', 'b')
      await until('both are handled', () => attempts.includes('b1'))
      expect(attempts).toEqual(['a1', 'a2', 'a3', 'b1'])
    })

    test('a message that fails does not hold up other queues', async () => {
      const done: string[] = []
      await broker.subscribe(
        topic,
        groups[0],
        oneByOne(async ({ group, body }) => {
          await Promise.resolve()
          if (body === 'bad') throw new Error('never')
          done.push(group)
        }),
      )
      await publish('shard-0', 'bad')
      await Promise.all(Array.from({ length: 64 }, (_, i) => publish(`other-${i}`, 'good')))
      // Some groups share the queue of the bad message; most do not.
      await until('other queues have gone on', () => done.length > 32)
    })

    test('gives each consumer group every message, and shares it among subscriptions', async () => {
      const counts = { first: 0, second: 0, alone: 0 }
      const count = (name: keyof typeof counts) => async () => {
        counts[name]++
        await sleep(1)
      }
      await broker.subscribe(topic, groups[0], oneByOne(count('first')))
      await broker.subscribe(topic, groups[0], oneByOne(count('second')))
      await broker.subscribe(topic, groups[1], oneByOne(count('alone')))
      await Promise.all(Array.from({ length: 200 }, (_, i) => publish(`group-${i}`, 'x')))
      await until(
        'all is delivered',
        () => counts.alone === 200 && counts.first + counts.second >= 200,
      )
      expect(counts.first + counts.second).toBe(200)
      expect(counts.first).toBeGreaterThan(0)
      expect(counts.second).toBeGreaterThan(0)
    })

    test('takes no message while its consumer is not ready, and uses up no attempt', async () => {
      let ready = false
      const attempts: number[] = []
      const handle = async ({ attempt }: Delivery) => {
        attempts.push(attempt)
        await Promise.resolve()
      }
      const wait = async () => {
        while (!ready) await sleep(10)
      }
      await broker.subscribe(topic, groups[0], oneByOne(handle), wait)
      await publish('shard-1', 'a')
      await sleep(300)
      expect(attempts).toEqual([])
      ready = true
      await until('it is handled', () => attempts.length === 1)
      expect(attempts).toEqual([1])
    })

    test('a stop ends the waiting of a handler, and the message comes to another one', async () => {
      let waiting = false
      const holding = await broker.subscribe(
        topic,
        groups[0],
        oneByOne(async (_, stopping) => {
          waiting = true
          await sleep(60_000, undefined, { signal: stopping })
        }),
      )
      await publish('shard-1', 'a')
      await until('it is in hand', () => waiting)
      await holding.stop()
      const bodies: string[] = []
      await broker.subscribe(topic, groups[0], collecting(bodies))
      await until('it is handled', () => bodies.length === 1)
    })

    test('a stopped subscription settles what is in hand; the next one gets the rest', async () => {
      const first: string[] = []
      const second: string[] = []
      const subscription = await broker.subscribe(
        topic,
        groups[0],
        oneByOne(async ({ body }) => {
          await sleep(20)
          first.push(body)
        }),
      )
      const bodies = Array.from({ length: 100 }, (_, i) => String(i))
      await Promise.all(bodies.map((body) => publish(`group-${body}`, body)))
      await until('some are handled', () => first.length > 0)
      await subscription.stop()
      const handled = first.length
      await sleep(100)
      expect(first).toHaveLength(handled)
      expect(handled).toBeLessThan(100)
      await broker.subscribe(topic, groups[0], collecting(second))
      await until('the rest is handled', () => first.length + second.length === 100)
      expect([...first, ...second].sort()).toEqual([...bodies].sort())
    })

    test('messages of a group that are sent at once are in hand one after the other', async () => {
      const bodies = Array.from({ length: 100 }, (_, i) => String(i))
      await Promise.all(bodies.map((body) => publish('shard-1', body)))
      let inHand = 0
      let most = 0
      const seen: string[] = []
      const handle: Handler = async (deliveries) => {
        most = Math.max(most, ++inHand)
        await sleep(20)
        inHand--
        seen.push(...deliveries.map(({ body }) => body))
        return deliveries.length
      }
      for (let i = 0; i < 3; i++) await broker.subscribe(topic, groups[0], handle)
      await until('all are there', () => seen.length >= bodies.length)
      expect(most).toBe(1)
      expect(seen.sort()).toEqual(bodies.sort())
    })

    test('messages of a group that are sent at once all arrive, small and large ones', async () => {
      const bodies = Array.from({ length: 100 }, (_, i) =>
        String(i).padEnd(i % 7 === 0 ? 70_000 : 50),
      )
      await Promise.all(bodies.map((body) => publish('shard-1', body)))
      const seen: string[] = []
      await broker.subscribe(topic, groups[0], async (deliveries) => {
        await Promise.resolve()
        seen.push(...deliveries.map(({ body }) => body))
        return deliveries.length
      })
      await until('all are there', () => seen.length >= bodies.length)
      expect(seen.sort()).toEqual(bodies.sort())
    })

    test('gives out no more at a time than makes a batch, even of large ones behind small ones', async () => {
      const sizes = [...new Array<number>(70).fill(50), ...new Array<number>(20).fill(50_000)]
      for (const size of sizes) await publish('shard-1', 'x'.repeat(size))
      const calls: number[][] = []
      await broker.subscribe(topic, groups[0], async (deliveries) => {
        await Promise.resolve()
        calls.push(deliveries.map(({ body }) => body.length))
        return deliveries.length
      })
      await until('all are there', () => calls.flat().length >= sizes.length)
      expect(calls.flat()).toEqual(sizes)
      const bytes = calls.map((call) => call.reduce((sum, size) => sum + size, 0))
      expect(Math.max(...bytes)).toBeLessThanOrEqual(MAX_BATCH.bytes)
      expect(Math.max(...calls.map(({ length }) => length))).toBeGreaterThan(1)
    })

    test('refuses messages once it is closed', async () => {
      await broker.close()
      await expect(publish('shard-1', 'late')).rejects.toThrow()
    })
  })
}
