import { beforeEach, describe, expect, test } from '@jest/globals'
import { carryOut } from '../../src/cli/carry-out.ts'
import { audit } from '../../src/products/audit.ts'
import { ensureBrands } from '../../src/products/brands.ts'
import { DUPLICATE_ERROR } from '../../src/products/create-products.ts'
import { deleteProduct } from '../../src/products/delete-product.ts'
import { DATA_PATH } from '../../src/parties.ts'
import { useAcmeDatabase } from '../support/acme.ts'
import type { TestDatabase } from '../support/database.ts'
import { finish, request, resultsOf, sessionOf } from '../support/parties.ts'
import { create, createPhones, idsOf, item } from '../support/products.ts'
import { CLEAN } from '../support/exact.ts'
import { answerTests } from './answers.ts'
import { expandingTests } from './expanding.ts'

/** The whole data path, with all parties and the broker in memory, on any database. */
export function dataPathTests(name: string, open: () => Promise<TestDatabase>): void {
  describe(`data path: ${name}`, () => {
    const fixture = useAcmeDatabase(open)
    beforeEach(async () => {
      await ensureBrands(fixture.database, fixture.newId, ['Aurora', 'Dune'])
    })

    describe('a request', () => {
      test('copies each live product into each target brand, and nothing else', async () => {
        const ids = idsOf(await createPhones(fixture, 300))
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
        expect(await audit(fixture.database)).toEqual({ liveProducts: 299 + 598, ...CLEAN })
      })

      test('recorded twice creates each product once; the other recording is told the same ids', async () => {
        await createPhones(fixture, 400)
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
        expect(await audit(fixture.database)).toEqual({ liveProducts: 800, ...CLEAN })
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
        await createPhones(fixture, 100)
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
        await createPhones(fixture, 300)
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
        expect(await audit(fixture.database)).toEqual({ liveProducts: 900, ...CLEAN })
      })

      test('complete a request whose last step died before it was marked as done', async () => {
        const id = await request(fixture, ['Aurora'])
        const expanded_at = fixture.database.dialect.now()
        await fixture.database.knex('copy_request').where({ id }).update({ expanded_at })
        const [status] = await finish(fixture, [id])
        expect(status).toMatchObject({ state: 'done', items: 0 })
      })

      test('go on with other requests when one cannot be expanded', async () => {
        await createPhones(fixture, 10)
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
        await createPhones(fixture, 200)
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
        expect(await audit(fixture.database)).toEqual({ liveProducts: 600, ...CLEAN })
      })

      test('strict: a batch with a duplicate is refused as a whole', async () => {
        await createPhones(fixture, 200)
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
        expect(await audit(fixture.database)).toEqual({ liveProducts: 400, ...CLEAN })
      })

      test('strict after one product is there: its batch writes nothing, the others do', async () => {
        await createPhones(fixture, 200)
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
        expect(await audit(fixture.database)).toEqual({ liveProducts: 200 + 1 + created, ...CLEAN })
      })
    })

    expandingTests(fixture)
    answerTests(fixture)

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
