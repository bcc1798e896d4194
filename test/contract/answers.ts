import { describe, expect, test } from '@jest/globals'
import { audit } from '../../src/products/audit.ts'
import { giveUpChunk, readArrived } from '../../src/copy/answer-chunk.ts'
import {
  deadLetters,
  discard,
  keepDeadLetter,
  readDeadLetter,
  redrive,
  type DeadLetter,
} from '../../src/copy/dead-letters.ts'
import { copyRequestStatus } from '../../src/copy/request-status.ts'
import { expandPage } from '../../src/copy/expand-request.ts'
import { readResult, recordResults } from '../../src/copy/record-result.ts'
import {
  bodyHash,
  parseChunkMessage,
  parseResultMessage,
  PRODUCT_COPY,
  resultBody,
  resultMessage,
  type ResultMessage,
} from '../../src/messages.ts'
import { startParties } from '../../src/parties.ts'
import type { TestDatabase } from '../support/database.ts'
import { finish, request, sessionOf } from '../support/parties.ts'
import { createPhones } from '../support/products.ts'
import { CLEAN } from '../support/exact.ts'
import { until } from '../support/until.ts'

/** What becomes of results, and of chunks that were given up, on any database. */
export function answerTests(fixture: TestDatabase): void {
  describe('results', () => {
    /** A request for 20 products whose chunks are made, and a result for each of them. */
    const expanded = async () => {
      const { database } = fixture
      await createPhones(fixture, 20)
      const id = await request(fixture, ['Aurora'])
      await expandPage(database, { requestId: id, items: 1000 }, { chunkSize: 2, shards: 2 })
      const bodies = await database.knex('copy_chunk').orderBy('chunk_no').pluck<string[]>('body')
      const results = bodies.map((body) => {
        const chunk = parseChunkMessage(body)
        const outcomes = chunk.items.map((_, i) => ({ outcome: 'created', id: String(i) }) as const)
        return resultMessage(chunk, bodyHash(body), outcomes)
      })
      const status = () => copyRequestStatus(database, id)
      return {
        id,
        results,
        status,
        record: (some: ResultMessage[]) =>
          recordResults(
            database,
            some.map((one) => readResult(resultBody(one))),
          ),
      }
    }

    test('that come together are recorded together, whatever comes again among them', async () => {
      const { id, results, status, record } = await expanded()
      const [first, second, third] = results as [ResultMessage, ResultMessage, ResultMessage]
      expect(await record([second, first])).toEqual(new Set([id]))
      const twice = first.outcomes.length + second.outcomes.length
      expect(await status()).toMatchObject({ created: twice })
      expect(await record([first, third, second])).toEqual(new Set([id]))
      expect(await status()).toMatchObject({ created: twice + third.outcomes.length })
      expect(await record([first, third])).toEqual(new Set())
      expect(await record([...results, ...results])).toEqual(new Set([id]))
      expect(await status()).toMatchObject({ state: 'done', created: 20, pending: 0 })
    })

    test("change nothing when they are of another system's chunks, by whatever name", async () => {
      const { results, status, record } = await expanded()
      const others = results.map((result) => ({ ...result, chunkHash: 'f'.repeat(64) }))
      expect(await record(others)).toEqual(new Set())
      expect(await record([{ ...results[0]!, requestId: 'shop-17' }])).toEqual(new Set())
      expect(await status()).toMatchObject({ created: 0, pending: 20 })
    })

    test('of which one has too few outcomes are refused, and the others are recorded', async () => {
      const { results, status, record } = await expanded()
      const [first, ...rest] = results
      const short = { ...first!, outcomes: first!.outcomes.slice(1) }
      await expect(record([...rest, short])).rejects.toThrow(
        `result ${short.eventId} has ${short.outcomes.length} outcomes, its chunk ${first!.outcomes.length} items`,
      )
      const left = first!.outcomes.length
      expect(await status()).toMatchObject({ created: 20 - left, pending: left })
    })

    test('of one chunk, one of which gives it up, leave the answer, in whatever order they come', async () => {
      const { results, status, record } = await expanded()
      const gaveUp = results.map(({ outcomes, ...result }) => ({
        ...result,
        eventId: `${result.eventId}:gave-up`,
        outcomes: outcomes.map(() => ({ outcome: 'failed', reason: 'disk full' }) as const),
      }))
      const half = results.length / 2
      await record([...gaveUp.slice(0, half), ...results.slice(0, half)])
      await record([...results.slice(half), ...gaveUp.slice(half)])
      expect(await status()).toMatchObject({ state: 'done', created: 20, failed: 0 })
    })
  })

  describe('a dead letter', () => {
    /** A chunk whose attempts are used up, as its consumer leaves it. */
    const giveUp = async (requestId: string) => {
      const { database, newId } = fixture
      await expandPage(database, { requestId, items: 1000 }, { chunkSize: 100, shards: 1 })
      const sent = { sent_at: database.dialect.now(), sends: 1 }
      await database.knex('copy_chunk').update(sent)
      const row = database.knex('copy_chunk').where({ request_id: requestId })
      const { body } = await row.first<{ body: string }>('body')
      const delivery = { topic: PRODUCT_COPY, group: 'shard-0', body, attempt: 10 }
      const chunk = readArrived({ body, group: 'shard-0' })
      await database.inTransaction(async (trx) => {
        await keepDeadLetter(trx, newId, delivery, 'gave up: disk full')
        await giveUpChunk(database, trx, chunk, 'gave up: disk full')
      })
    }

    const allLetters = async () => {
      const letters: DeadLetter[] = []
      for await (const letter of deadLetters(fixture.database)) letters.push(letter)
      return letters
    }

    test('of a chunk that was given up is sent again, and its items are created after all', async () => {
      const { database } = fixture
      await createPhones(fixture, 20)
      const id = await request(fixture, ['Aurora'])
      await giveUp(id)
      const [given] = await finish(fixture, [id])
      expect(given).toMatchObject({ state: 'done', items: 20, created: 0, failed: 20 })
      const [gaveUp] = await database.knex('copy_result').pluck<string[]>('body')

      const letters = await allLetters()
      expect(letters).toMatchObject([{ topic: PRODUCT_COPY, group: 'shard-0', attempts: 10 }])
      expect(await readDeadLetter(database, letters[0]!.id)).toMatchObject({
        reason: 'gave up: disk full',
        redrive: false,
      })
      await redrive(database, letters[0]!.id)
      const parties = await startParties(sessionOf(fixture))
      await until('its items are created', async () => {
        const status = await copyRequestStatus(database, id)
        return status.created === 20 && status.failed === 0
      })
      await parties.stop()
      expect(await allLetters()).toEqual([])
      const [answered] = await database.knex('copy_result').pluck<string[]>('body')
      const [event, former] = [answered!, gaveUp!].map((body) => parseResultMessage(body).message)
      expect(event!.eventId).not.toBe(former!.eventId)
      expect(await audit(database)).toEqual({ liveProducts: 40, ...CLEAN })
    })

    test('that comes again after all cannot undo what was created meanwhile', async () => {
      const { database } = fixture
      await createPhones(fixture, 5)
      const id = await request(fixture, ['Aurora'])
      await giveUp(id)
      await finish(fixture, [id])
      const [late] = await database.knex('copy_result').pluck<string[]>('body')
      const [letter] = await allLetters()
      await redrive(database, letter!.id)
      const parties = await startParties(sessionOf(fixture))
      await until('its items are created', async () => {
        return (await copyRequestStatus(database, id)).created === 5
      })
      await parties.stop()
      expect(await recordResults(database, [readResult(late!)])).toEqual(new Set())
      expect(await copyRequestStatus(database, id)).toMatchObject({ created: 5, failed: 0 })
    })

    test('is discarded for good, and an unknown one is named', async () => {
      const { database } = fixture
      await createPhones(fixture, 5)
      await giveUp(await request(fixture, ['Aurora']))
      const [letter] = await allLetters()
      await discard(database, letter!.id)
      expect(await allLetters()).toEqual([])
      await expect(readDeadLetter(database, letter!.id)).rejects.toThrow(
        `unknown dead letter "${letter!.id}"`,
      )
    })
  })
}
