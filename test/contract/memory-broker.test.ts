import { oneByOne } from '../../src/broker.ts'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from '@jest/globals'
import { createMemoryBroker } from '../../src/platform/memory-broker.ts'
import { until } from '../support/until.ts'
import { brokerContract } from './broker.ts'

brokerContract('memory', () => {
  const broker = createMemoryBroker({
    topics: { T: ['one', 'two'] },
    backoff: { first: 5, longest: 50 },
    capacity: 1000,
  })
  return Promise.resolve({ broker, topic: 'T', groups: ['one', 'two'] })
})

test('publish waits while a queue is full, and goes on when it is not', async () => {
  const broker = createMemoryBroker({ topics: { T: ['one'] }, queues: 1, capacity: 2 })
  let published = 0
  const publishing = Promise.all(
    Array.from({ length: 5 }, async () => {
      await broker.publish({ topic: 'T', group: 'g', body: 'x' })
      published++
    }),
  )
  await sleep(20)
  expect(published).toBe(2)
  await broker.subscribe(
    'T',
    'one',
    oneByOne(() => Promise.resolve()),
  )
  await publishing
  expect(published).toBe(5)
  await broker.close()
})

test('a publisher that waits for room is told when the broker closes', async () => {
  const broker = createMemoryBroker({ topics: { T: ['one'] }, queues: 1, capacity: 1 })
  await broker.publish({ topic: 'T', group: 'g', body: 'x' })
  const waiting = broker.publish({ topic: 'T', group: 'g', body: 'y' })
  await broker.close()
  await expect(waiting).rejects.toThrow('closed')
})

test('the back-off grows up to its longest', async () => {
  const times: number[] = []
  const broker = createMemoryBroker({
    topics: { T: ['one'] },
    backoff: { first: 10, longest: 40 },
  })
  await broker.subscribe(
    'T',
    'one',
    oneByOne(() => {
      times.push(performance.now())
      return Promise.reject(new Error('never'))
    }),
  )
  await broker.publish({ topic: 'T', group: 'g', body: 'x' })
  await sleep(400)
  await broker.close()
  const pauses = times.slice(1).map((time, index) => time - times[index]!)
  // Timers fire late on a busy machine, but hardly ever early.
  for (const [index, least] of [10, 20, 40, 40].entries()) {
    expect(pauses[index]).toBeGreaterThan(least - 2)
  }
  expect(times.length).toBeLessThanOrEqual(12)
})

test('publishers that wait for room keep their order, and nobody overtakes them', async () => {
  const broker = createMemoryBroker({ topics: { T: ['one'] }, capacity: 2 })
  const bodies: string[] = []
  const publish = (body: string) => broker.publish({ topic: 'T', group: 'g', body })
  const early = Array.from({ length: 20 }, (_, i) => publish(String(i)))
  let late: Promise<void> | undefined
  await broker.subscribe(
    'T',
    'one',
    oneByOne(({ body }) => {
      bodies.push(body)
      // Not awaited: this handler's own message takes up the room that it would wait for.
      if (body === '3') late = publish('late')
      return Promise.resolve()
    }),
  )
  await Promise.all(early)
  await late
  await until('all is delivered', () => bodies.length === 21)
  expect(bodies).toEqual([...Array.from({ length: 20 }, (_, i) => String(i)), 'late'])
  await broker.close()
})

test('nothing is left to do after closing, even when a handler fails meanwhile', async () => {
  const broker = createMemoryBroker({ topics: { T: ['one'] }, backoff: { first: 1, longest: 1 } })
  let attempts = 0
  await broker.subscribe(
    'T',
    'one',
    oneByOne(async () => {
      attempts++
      await sleep(20)
      throw new Error('too late')
    }),
  )
  await broker.publish({ topic: 'T', group: 'g', body: 'x' })
  await until('it is in hand', () => attempts === 1)
  await broker.close()
  await sleep(50)
  expect(attempts).toBe(1)
})
