import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from '@jest/globals'
import { publishWaiting } from '../../src/copy/outbox.ts'
import { createResultPublisher, RESULT_OUTBOX } from '../../src/copy/publish-results.ts'
import { useAcmeDatabase } from '../support/acme.ts'
import { answerAll, arrivedChunk, item } from '../support/products.ts'

const fixture = useAcmeDatabase()

/** A result that was committed just now, claimed for whoever committed it. */
const written = async () =>
  (await answerAll(fixture.database, fixture.newId, [arrivedChunk([item('A')])])).flat()
const unmarked = () =>
  fixture.database.knex('copy_result').whereNull('published_at').pluck<number[]>('chunk_no')
const willing = { publish: () => Promise.resolve() }

test('a stop waits for marks that are being written', async () => {
  const results = createResultPublisher(fixture.database, willing)
  await results.publish(await written())
  // The embedded database has one connection: the marks wait for it.
  let free = false
  const busy = fixture.database.inTransaction(() => sleep(400)).then(() => (free = true))
  await sleep(200)
  await results.stop()
  expect(free).toBe(true)
  expect(await unmarked()).toEqual([])
  await busy
})

test('a result that the broker refuses is not kept from the relay for long', async () => {
  const { database } = fixture
  const refusing = { publish: () => Promise.reject(new Error('the broker is closed')) }
  const results = createResultPublisher(database, refusing)
  await results.publish(await written())
  await results.stop()
  expect(await publishWaiting(database, willing, RESULT_OUTBOX, 9)).toBe(0)
  const soon = database.knex('copy_result').where('claimed_until', '<', database.dialect.now(3000))
  expect(await soon.pluck('chunk_no')).toEqual([1])
})

test('chunks share a transaction, but a small one does not wait for much larger ones behind it', async () => {
  const sizes = [20, 300, 300, 5, 400, 3000, 20, 20]
  const chunks = sizes.map((size, chunk) => {
    const items = Array.from({ length: size }, (_, n) => item(`${chunk}-${n}`))
    return arrivedChunk(items, { chunkNo: chunk + 1 })
  })
  const strict = arrivedChunk([item('S')], { chunkNo: 9, policy: 'fail' })
  const written = await answerAll(fixture.database, fixture.newId, [...chunks, strict])
  const numbers = written.map((rows) => rows.map((row) => row.chunk_no))
  expect(numbers).toEqual([[1], [2, 3, 4, 5], [6, 7, 8], [9]])
})

test('chunks with large attributes do not share a transaction that no database would take', async () => {
  const attributes = { text: 'x'.repeat(4000) }
  const chunks = Array.from({ length: 5 }, (_, chunk) => {
    const items = Array.from({ length: 300 }, (_, n) => item(`${chunk}-${n}`, { attributes }))
    return arrivedChunk(items, { chunkNo: chunk + 1 })
  })
  const written = await answerAll(fixture.database, fixture.newId, chunks)
  const numbers = written.map((rows) => rows.map((row) => row.chunk_no))
  expect(numbers).toEqual([
    [1, 2, 3],
    [4, 5],
  ])
})
