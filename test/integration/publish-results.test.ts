import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from '@jest/globals'
import { answerChunks } from '../../src/copy/answer-chunk.ts'
import { publishWaiting } from '../../src/copy/outbox.ts'
import { createResultPublisher, RESULT_OUTBOX } from '../../src/copy/publish-results.ts'
import { rememberBrands } from '../../src/products/brands.ts'
import { useAcmeDatabase } from '../support/acme.ts'
import { arrivedChunk, item } from '../support/products.ts'

const fixture = useAcmeDatabase()

/** A result that was committed just now, claimed for whoever committed it. */
const written = () =>
  answerChunks(
    fixture.database,
    { newId: fixture.newId, brands: rememberBrands(fixture.database) },
    [arrivedChunk([item('A')])],
  )
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
