import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { COPY_RESULT_GROUP, consumeCopyResults } from '../../consumers/copy-result.ts'
import { PRODUCT_COPY_GROUP, consumeProductCopy } from '../../consumers/product-copy.ts'
import type { Broker } from '../../src/broker.ts'
import type { Database } from '../../src/database.ts'
import { bodyHash, PRODUCT_COPY, PRODUCT_COPY_RESULT, resultMessage } from '../../src/messages.ts'
import { watchDatabase } from '../../src/platform/database-watch.ts'
import { createMemoryBroker } from '../../src/platform/memory-broker.ts'
import { useAcmeDatabase } from '../support/acme.ts'
import { silent } from '../support/silent.ts'
import { arrivedChunk, item } from '../support/products.ts'
import { until } from '../support/until.ts'

const fixture = useAcmeDatabase()
let broker: Broker

beforeEach(() => {
  broker = createMemoryBroker({
    topics: { [PRODUCT_COPY]: [PRODUCT_COPY_GROUP], [PRODUCT_COPY_RESULT]: [COPY_RESULT_GROUP] },
    backoff: { first: 1, longest: 5 },
  })
})
afterEach(() => broker.close())

const parts = (database: Database = fixture.database) => ({
  subscriber: broker,
  publisher: broker,
  database,
  watch: watchDatabase(database, silent),
  newId: fixture.newId,
  logger: silent,
})
const consume = (database?: Database) => consumeProductCopy(parts(database))
const send = (body: string) => broker.publish({ topic: PRODUCT_COPY, group: 'shard-1', body })
const deadLetters = () =>
  fixture.database.knex('dead_letter').orderBy('id').select<Record<string, unknown>[]>()
const answers = () =>
  fixture.database.knex('copy_result').orderBy('chunk_no').select<{ body: string }[]>()

test.each([
  ['hello', 'it is not JSON'],
  ['{"type":"order","id":7}', 'its type is "order", not "product-copy"'],
  ['{"type":"product-copy","version":2}', 'its version is 2, and its packed items are missing'],
  ['{"type":"product-copy","version":1}', 'unreadable message'],
  ['a\u0000b', 'it is not JSON'],
])('%j goes to the dead letters at once, and the queue goes on', async (body, reason) => {
  await consume()
  await send(body)
  await send(arrivedChunk([item('A')]).body)
  await until('the good chunk is answered', async () => (await answers()).length === 1)
  expect(await deadLetters()).toMatchObject([
    {
      topic: PRODUCT_COPY,
      message_group: 'shard-1',
      body: body.replace('\u0000', '\ufffd'),
      reason: expect.stringContaining(reason),
      attempts: 1,
    },
  ])
})

test('a message of another system with a single product is answered', async () => {
  await consume()
  const { body } = arrivedChunk([item('A')], { requestId: 'shop.17:a', chunkNo: 9 })
  await send(body)
  await until('it is answered', async () => (await answers()).length === 1)
  const [answer] = await answers()
  expect(JSON.parse(answer!.body)).toEqual({
    ...resultMessage({ requestId: 'shop.17:a', chunkNo: 9 }, bodyHash(body), []),
    outcomes: [{ outcome: 'created', id: expect.stringMatching(/^\d+$/) }],
  })
})

test('a chunk that keeps failing is kept, and its caller is told that all of its items failed', async () => {
  let attempts = 0
  await consume({
    ...fixture.database,
    dialect: {
      ...fixture.database.dialect,
      insertProducts: () => {
        attempts++
        return Promise.reject(new Error('disk full'))
      },
    },
  })
  await send(arrivedChunk([item('A'), item('B')]).body)
  await until('it is given up', async () => (await answers()).length === 1)
  expect(attempts).toBe(10)
  const failed = { outcome: 'failed', reason: 'gave up after 10 attempts: disk full' }
  expect(JSON.parse((await answers())[0]!.body)).toMatchObject({ outcomes: [failed, failed] })
  expect(await deadLetters()).toMatchObject([{ attempts: 10, reason: failed.reason }])
  expect(await fixture.database.knex('product_unique').select()).toEqual([])
})

test('a chunk that fails for a while is answered when the fault is over', async () => {
  let attempts = 0
  await consume({
    ...fixture.database,
    dialect: {
      ...fixture.database.dialect,
      insertProducts: (...args) =>
        ++attempts < 4
          ? Promise.reject(new Error('connection lost'))
          : fixture.database.dialect.insertProducts(...args),
    },
  })
  await send(arrivedChunk([item('A')]).body)
  await until('it is answered', async () => (await answers()).length === 1)
  expect(attempts).toBe(4)
  expect(await deadLetters()).toEqual([])
})

test('a database that answers and cannot write uses up no attempt', async () => {
  let faults = 0
  const readOnly: Database = {
    ...fixture.database,
    inTransaction: (work) => {
      if (++faults > 3) return fixture.database.inTransaction(work)
      const error = new Error('cannot execute INSERT in a read-only transaction')
      return Promise.reject(Object.assign(error, { code: '25006' }))
    },
  }
  const attempts: number[] = []
  await consumeProductCopy({
    ...parts(readOnly),
    subscriber: {
      subscribe: (topic, group, handle, ready) =>
        broker.subscribe(
          topic,
          group,
          (deliveries, stopping) => {
            attempts.push(...deliveries.map(({ attempt }) => attempt))
            return handle(deliveries, stopping)
          },
          ready,
        ),
    },
  })
  await send(arrivedChunk([item('A')]).body)
  await until('it is answered', async () => (await answers()).length === 1)
  expect(faults).toBe(4)
  expect(attempts).toEqual([1])
  expect(await deadLetters()).toEqual([])
})

test('results of other systems’ chunks, unknown results and repeated ones change nothing', async () => {
  const { database, newId } = fixture
  await consumeCopyResults({ ...parts(), announce: () => undefined })
  const requestId = newId()
  await database.knex('copy_request').insert({
    id: requestId,
    content_hash: 'x',
    source_brand: 'Acme',
    target_brands: '["Dune"]',
    name_template: '{name}',
    policy: 'fail',
    user_id: '1',
    user_name: 'Ann',
    items: 1,
    chunks: 1,
    expanded_at: database.dialect.now(),
  })
  const hash = bodyHash('{}')
  await database.knex('copy_chunk').insert({
    request_id: requestId,
    chunk_no: 1,
    message_group: 'g',
    body: '{}',
    content_hash: hash,
    items: 1,
  })
  const result = (change: object = {}) => ({
    ...resultMessage({ requestId, chunkNo: 1 }, hash, [{ outcome: 'created', id: '5' }]),
    ...change,
  })
  const publish = (message: unknown) =>
    broker.publish({ topic: PRODUCT_COPY_RESULT, group: 'g', body: JSON.stringify(message) })
  const failed = [{ outcome: 'failed', reason: 'not for us' }]
  await publish(result({ requestId: 'shop-1', outcomes: failed }))
  await publish(result({ requestId: '12345', outcomes: failed }))
  await publish(result({ requestId: `0${requestId}`, outcomes: failed }))
  await publish(result({ chunkNo: 2, outcomes: failed }))
  await publish(result({ chunkHash: bodyHash('another chunk of this name'), outcomes: failed }))
  await publish(result())
  await publish(result({ outcomes: failed }))
  await publish(result({ outcomes: [...failed, ...failed] }))
  await publish(result({ version: 2 }))
  await until('the last ones are kept', async () => (await deadLetters()).length === 2)
  expect((await deadLetters()).map(({ reason }) => reason)).toEqual([
    `result ${requestId}:1 has 2 outcomes, its chunk 1 items`,
    expect.stringContaining('its version is 2'),
  ])
  const [chunk] = await database.knex('copy_chunk').select<Record<string, unknown>[]>()
  expect(chunk).toMatchObject({
    created: 1,
    failed: 0,
    outcomes: JSON.stringify(result().outcomes),
  })
  const [done] = await database.knex('copy_request').select<Record<string, unknown>[]>()
  expect(done!['completed_at']).not.toBeNull()
})
