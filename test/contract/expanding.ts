import { describe, expect, test } from '@jest/globals'
import { copyRequestStatus } from '../../src/copy/request-status.ts'
import { expandPage, nextPages, requestsToExpand } from '../../src/copy/expand-request.ts'
import type { TestDatabase } from '../support/database.ts'
import { request, resultsOf } from '../support/parties.ts'
import { create, createPhones, item } from '../support/products.ts'

/** Requests that become chunks, page by page, on any database. */
export function expandingTests(fixture: TestDatabase): void {
  describe('expanding', () => {
    // A page of them is 1000 items.
    const settings = { chunkSize: 3, shards: 4 }
    const pages = async (own = settings) =>
      nextPages(await requestsToExpand(fixture.database, '0', 9), own)
    const expand = async (requestId: string, own = settings) => {
      const [page] = nextPages([{ id: requestId, pending: 0 }], own)
      await expandPage(fixture.database, page!, own)
    }

    test('goes page by page, and two jobs at once make each page once', async () => {
      await createPhones(fixture, 3000)
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
      await createPhones(fixture, 4000)
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
      await createPhones(fixture, 3000)
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
      await createPhones(fixture, 2000)
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
}
