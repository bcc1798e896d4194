import { beforeEach, describe, expect, test } from '@jest/globals'
import { carryOut } from '../../src/cli/carry-out.ts'
import { audit } from '../../src/products/audit.ts'
import { giveUpChunk, readArrived } from '../../src/copy/answer-chunk.ts'
import { ensureBrands } from '../../src/products/brands.ts'
import {
  deadLetters,
  discard,
  keepDeadLetter,
  readDeadLetter,
  redrive,
  type DeadLetter,
} from '../../src/copy/dead-letters.ts'
import { copyRequestStatus } from '../../src/copy/request-status.ts'
import { DUPLICATE_ERROR } from '../../src/products/create-products.ts'
import { deleteProduct } from '../../src/products/delete-product.ts'
import { expandPage, nextPages, requestsToExpand } from '../../src/copy/expand-request.ts'
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
import { DATA_PATH, startParties } from '../../src/parties.ts'
import { useAcmeDatabase } from '../support/acme.ts'
import type { TestDatabase } from '../support/database.ts'
import { finish, request, resultsOf, sessionOf } from '../support/parties.ts'
import { create, idsOf, item } from '../support/products.ts'
import { until } from '../support/until.ts'

/** The whole data path, with all parties and the broker in memory, on any database. */
export function dataPathTests(name: string, open: () => Promise<TestDatabase>): void {
  describe(`data path: ${name}`, () => {
    const fixture = useAcmeDatabase(open)
    beforeEach(async () => {
      await ensureBrands(fixture.database, fixture.newId, ['Aurora', 'Dune'])
    })

    const fill = (count: number) =>
      create(
        fixture.database,
        fixture.newId,
        Array.from({ length: count }, (_, i) => item(`Phone ${i}`)),
      )

    const expectClean = async (liveProducts: number) =>
      expect(await audit(fixture.database)).toEqual({
        liveProducts,
        duplicateKeys: 0,
        productsWithoutKey: 0,
        keysWithoutProduct: 0,
        mismatchedKeys: 0,
      })

    describe('a request', () => {
      test('copies each live product into each target brand, and nothing else', async () => {
        const ids = idsOf(await fill(300))
        await deleteProduct(fixture.database, ids[0]!)
        const id = await request(fixture, ['Aurora', 'Dune'])
        const [status] = await finish(fixture, [id])
        expect(status).toMatchObject({ state: 'done', items: 598, created: 598, pending: 0 })
        const results = await resultsOf(fixture.database, id)
        expect(results).toHaveLength(598)
        expect(results.map(({ item: no }) => no)).toEqual(
          Array.from({ length: 598 }, (_, i) => i + 1),
        )
        expect(results.map(({ sourceProductId }) => sourceProductId)).not.toContain(ids[0])
        const products = await fixture.database
          .knex('product')
          .where({ source_product_id: ids[7] })
          .orderBy('name')
          .select('name', 'model', 'price', 'user_name')
        expect(products).toEqual([
          { name: 'Aurora Phone 7', model: 'M-Phone 7', price: '9.90', user_name: 'Ann' },
          { name: 'Dune Phone 7', model: 'M-Phone 7', price: '9.90', user_name: 'Ann' },
        ])
        await expectClean(299 + 598)
      })

      test('recorded twice creates each product once; the other recording is told the same ids', async () => {
        await fill(400)
        const first = await request(fixture, ['Aurora'])
        const second = await request(fixture, ['Aurora'])
        const statuses = await finish(fixture, [first, second])
        for (const { items, created, existing, rejected, failed } of statuses) {
          expect(items).toBe(400)
          expect(created + existing).toBe(400)
          expect(rejected + failed).toBe(0)
        }
        const byName = new Map<unknown, { outcome: string; id?: string }[]>()
        for (const id of [first, second]) {
          for (const result of await resultsOf(fixture.database, id)) {
            byName.set(result.name, [...(byName.get(result.name) ?? []), result])
          }
        }
        expect(byName.size).toBe(400)
        for (const pair of byName.values()) {
          expect(pair.map(({ outcome }) => outcome).sort()).toEqual(['created', 'existing'])
          expect(pair[0]!.id).toBe(pair[1]!.id)
        }
        await expectClean(800)
      })

      test('without source products is done at once', async () => {
        const id = await request(fixture, ['Aurora'])
        const [status] = await finish(fixture, [id])
        expect(status).toMatchObject({ state: 'done', items: 0, pending: 0 })
      })

      test('rejects what cannot be a product, with the reason, and copies the rest', async () => {
        await create(fixture.database, fixture.newId, [item('A'), item('x'.repeat(128))])
        const id = await request(fixture, ['Aurora'])
        const [status] = await finish(fixture, [id])
        expect(status).toMatchObject({ state: 'done', items: 2, created: 1, rejected: 1 })
        const rejected = (await resultsOf(fixture.database, id)).find(
          (one) => one.outcome === 'rejected',
        )
        expect(rejected).toMatchObject({
          reason: 'name has 135 characters, at most 130 are allowed',
        })
      })

      test('does not run after its own copies: two brands copied into each other come to an end', async () => {
        await fill(100)
        const there = await request(fixture, ['Aurora'])
        const back = await request(fixture, ['Acme'], { sourceBrand: 'Aurora' })
        const [first, second] = await finish(fixture, [there, back])
        expect(first).toMatchObject({ state: 'done', items: 100, created: 100 })
        expect(second!.state).toBe('done')
        expect(second!.items).toBeLessThanOrEqual(100)
      })
    })

    describe('the parties', () => {
      test('let timers and signals have their turn while there is work', async () => {
        await fill(300)
        const ids = [
          await request(fixture, ['Aurora', 'Dune']),
          await request(fixture, ['Aurora', 'Dune']),
        ]
        const session = sessionOf(fixture, 1)
        const soon = AbortSignal.timeout(100)
        const statuses = await carryOut(session, ids, {
          parties: DATA_PATH,
          quiet: true,
          interrupted: soon,
        })
        expect(statuses.map(({ state }) => state)).not.toContain('done')
        const done = await finish(fixture, ids)
        for (const { items, created, existing } of done) {
          expect(items).toBe(600)
          expect(created + existing).toBe(600)
        }
        await expectClean(900)
      })

      test('complete a request whose last step died before it was marked as done', async () => {
        const id = await request(fixture, ['Aurora'])
        const expanded_at = fixture.database.dialect.now()
        await fixture.database.knex('copy_request').where({ id }).update({ expanded_at })
        const [status] = await finish(fixture, [id])
        expect(status).toMatchObject({ state: 'done', items: 0 })
      })

      test('go on with other requests when one cannot be expanded', async () => {
        await fill(10)
        const broken = await request(fixture, ['Aurora'])
        await fixture.database
          .knex('copy_request')
          .where({ id: broken })
          .update({ target_brands: '?' })
        const good = await request(fixture, ['Dune'])
        const left = await request(fixture, ['Aurora'])
        const expanded_at = fixture.database.dialect.now()
        await fixture.database.knex('copy_request').where({ id: left }).update({ expanded_at })
        const [status, swept] = await finish(fixture, [good, left])
        expect(status).toMatchObject({ state: 'done', created: 10 })
        expect(swept).toMatchObject({ state: 'done', items: 0 })
      })
    })

    describe('two requests with overlapping products at once', () => {
      test('lenient: both are told the ids', async () => {
        await fill(200)
        const ids = [await request(fixture, ['Aurora', 'Dune']), await request(fixture, ['Dune'])]
        const [both, one] = await finish(fixture, ids)
        expect(both!.created + both!.existing).toBe(400)
        expect(one!.created + one!.existing).toBe(200)
        expect(both!.created + one!.created).toBe(400)
        for (const id of ids) {
          for (const result of await resultsOf(fixture.database, id)) {
            expect(result).toHaveProperty('id', expect.stringMatching(/^\d+$/))
          }
        }
        await expectClean(600)
      })

      test('strict: a batch with a duplicate is refused as a whole', async () => {
        await fill(200)
        const ids = [
          await request(fixture, ['Aurora'], { policy: 'fail' }),
          await request(fixture, ['Aurora'], { policy: 'fail' }),
        ]
        const [first, second] = await finish(fixture, ids)
        expect(first!.created + second!.created).toBe(200)
        expect(first!.rejected + second!.rejected + first!.failed + second!.failed).toBe(200)
        for (const id of ids) {
          for (const result of await resultsOf(fixture.database, id)) {
            if (result.outcome === 'created') continue
            expect(result).toMatchObject({
              outcome: 'rejected',
              reason: DUPLICATE_ERROR,
              existingId: expect.stringMatching(/^\d+$/),
            })
          }
        }
        await expectClean(400)
      })

      test('strict after one product is there: its batch writes nothing, the others do', async () => {
        await fill(200)
        await create(fixture.database, fixture.newId, [
          item('Aurora Phone 5', { brand: 'Aurora', model: 'M-Phone 5' }),
        ])
        const id = await request(fixture, ['Aurora'], { policy: 'fail' })
        const [status] = await finish(fixture, [id])
        const { created, rejected, failed } = status!
        expect(rejected).toBe(1)
        expect(failed).toBeGreaterThan(0)
        expect(created).toBeGreaterThan(0)
        expect(created + rejected + failed).toBe(200)
        await expectClean(200 + 1 + created)
      })
    })

    describe('expanding', () => {
      // A page of them is 1000 items.
      const settings = { chunkSize: 3, shards: 4 }
      const pages = async (own = settings) =>
        nextPages(await requestsToExpand(fixture.database, '0', 9), own)
      const expand = async (requestId: string, own = settings) => {
        const [page] = nextPages([{ id: requestId, pending: 0 }], own)
        await expandPage(fixture.database, page!, own)
      }
      const source = async (count: number) => {
        for (let start = 0; start < count; start += 1000) {
          const items = Array.from({ length: 1000 }, (_, i) => item(`Phone ${start + i}`))
          await create(fixture.database, fixture.newId, items)
        }
      }

      test('goes page by page, and two jobs at once make each page once', async () => {
        await source(3000)
        const id = await request(fixture, ['Aurora'])
        for (let page = 1; page <= 2; page++) {
          await Promise.all([1, 2, 3].map(() => expand(id)))
          expect(await copyRequestStatus(fixture.database, id)).toMatchObject({
            state: 'expanding',
            items: page * 1000,
          })
        }
        await expand(id)
        // Whether a full page was the last one shows the next.
        await expand(id)
        expect(await copyRequestStatus(fixture.database, id)).toMatchObject({
          state: 'copying',
          items: 3000,
        })
        const results = await resultsOf(fixture.database, id)
        expect(new Set(results.map(({ sourceProductId }) => sourceProductId)).size).toBe(3000)
        expect(results.every(({ outcome }) => outcome === 'pending')).toBe(true)
        const numbers = await fixture.database
          .knex('copy_chunk')
          .orderBy('chunk_no')
          .pluck('chunk_no')
        expect(numbers).toEqual(numbers.map((_, index) => index + 1))
      })

      test('begins with a part of a large page, for the consumers wait for it', async () => {
        await source(4000)
        const id = await request(fixture, ['Aurora'])
        const large = { chunkSize: 1000, shards: 8 }
        const items: number[] = []
        while (items.length < 3) {
          await expand(id, large)
          items.push((await copyRequestStatus(fixture.database, id)).items)
        }
        expect(items).toEqual([3600, 4000, 4000])
      })

      test('waits while a page is on its way, so that other requests have their turn', async () => {
        const { database } = fixture
        await source(3000)
        const id = await request(fixture, ['Aurora'])
        expect(await pages()).toEqual([{ requestId: id, items: 1000 }])
        await expand(id)
        expect(await pages()).toEqual([])
        await database.knex('copy_chunk').where('chunk_no', 1).update({
          completed_at: database.dialect.now(),
        })
        expect(await pages()).toEqual([{ requestId: id, items: 1000 }])
      })

      test('of several requests at once shares among them what a single one has on its way', async () => {
        const large = { chunkSize: 1000, shards: 10 }
        const ids: string[] = []
        for (const items of [14_400, 7200, 4800, 3600, 3600]) {
          ids.push(await request(fixture, ['Aurora']))
          expect(await pages(large)).toEqual(ids.map((requestId) => ({ requestId, items })))
        }
      })

      test('ends where the source ended when it began', async () => {
        await source(2000)
        const id = await request(fixture, ['Aurora'])
        await expand(id)
        await create(fixture.database, fixture.newId, [item('Late')])
        for (let page = 2; page <= 3; page++) await expand(id)
        expect(await copyRequestStatus(fixture.database, id)).toMatchObject({
          state: 'copying',
          items: 2000,
        })
      })
    })

    describe('results', () => {
      /** A request for 20 products whose chunks are made, and a result for each of them. */
      const expanded = async () => {
        const { database } = fixture
        await fill(20)
        const id = await request(fixture, ['Aurora'])
        await expandPage(database, { requestId: id, items: 1000 }, { chunkSize: 2, shards: 2 })
        const bodies = await database.knex('copy_chunk').orderBy('chunk_no').pluck<string[]>('body')
        const results = bodies.map((body) => {
          const chunk = parseChunkMessage(body)
          const outcomes = chunk.items.map(
            (_, i) => ({ outcome: 'created', id: String(i) }) as const,
          )
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
        await fill(20)
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
        await expectClean(40)
      })

      test('that comes again after all cannot undo what was created meanwhile', async () => {
        const { database } = fixture
        await fill(5)
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
        await fill(5)
        await giveUp(await request(fixture, ['Aurora']))
        const [letter] = await allLetters()
        await discard(database, letter!.id)
        expect(await allLetters()).toEqual([])
        await expect(readDeadLetter(database, letter!.id)).rejects.toThrow(
          `unknown dead letter "${letter!.id}"`,
        )
      })
    })

    describe('a request key', () => {
      test('with the same content is the same request', async () => {
        const id = await request(fixture, ['Aurora', 'Dune'], { requestKey: 'k' })
        expect(await request(fixture, ['dune', ' Aurora '], { requestKey: 'k' })).toBe(id)
      })

      test('at the same time makes one request', async () => {
        const ids = await Promise.all(
          Array.from({ length: 10 }, () => request(fixture, ['Aurora'], { requestKey: 'k' })),
        )
        expect(new Set(ids).size).toBe(1)
        expect(await fixture.database.knex('copy_request').select()).toHaveLength(1)
      })

      test('with other content is an error', async () => {
        const id = await request(fixture, ['Aurora'], { requestKey: 'k' })
        await expect(request(fixture, ['Dune'], { requestKey: 'k' })).rejects.toThrow(
          `request key "k" was used for other content by request ${id}`,
        )
      })
    })
  })
}
