import { beforeAll, describe, expect, test } from '@jest/globals'
import type { Database, Dialect, NewId } from '../../src/database.ts'
import { MAX_CHUNK_SIZE } from '../../src/messages.ts'
import { audit } from '../../src/products/audit.ts'
import { DUPLICATE_ERROR } from '../../src/products/create-products.ts'
import { deleteProduct } from '../../src/products/delete-product.ts'
import type { TestDatabase } from '../support/database.ts'
import { CLEAN } from '../support/exact.ts'
import { answer, arrivedChunk, create, idsOf, item } from '../support/products.ts'

/** What every database has to do when products are created and deleted. */
export function creationTests(fixture: TestDatabase): void {
  describe('creating and deleting', () => {
    let database: Database
    let newId: NewId
    beforeAll(() => {
      ;({ database, newId } = fixture)
    })

    const liveCount = async () => (await audit(database)).liveProducts

    describe('creating', () => {
      test('stores what was given, and the canonical key beside it', async () => {
        const given = item(' Galaxy  S10 ', {
          model: 'SM-G973F',
          attributes: { color: 'blau', sizes: [1, 2.5], nested: { a: null } },
          sourceProductId: '9007199254740993',
        })
        const [outcome] = await create(database, newId, [given])
        expect(outcome).toEqual({ outcome: 'created', id: expect.stringMatching(/^\d+$/) })
        const [product] = await database.knex('product').select<Record<string, unknown>[]>()
        const [key] = await database.knex('product_unique').select<Record<string, unknown>[]>()
        // JSON and 64-bit numbers come as text.
        expect(JSON.parse(product!['attributes'] as string)).toEqual(given.attributes)
        expect(product).toMatchObject({
          id: idsOf([outcome!])[0],
          name: ' Galaxy  S10 ',
          model: 'SM-G973F',
          price: '9.90',
          source_product_id: '9007199254740993',
          user_id: '7',
          user_name: 'Ann',
          delete_status: 0,
        })
        expect(key).toMatchObject({ id: product!['id'], name: 'galaxy s10', model: 'sm-g973f' })
      })

      test('answers with the id of the live product that holds the key', async () => {
        const first = await create(database, newId, [item('Phone')])
        const second = await create(database, newId, [
          item(' phone ', { model: 'm-PHONE' }),
          item('Other'),
        ])
        expect(second[0]).toEqual({ outcome: 'existing', id: idsOf(first)[0] })
        expect(second[1]).toMatchObject({ outcome: 'created' })
        expect(await liveCount()).toBe(2)
      })

      test('keeps control characters in attributes, and what is not given apart from what is empty', async () => {
        const attributes = { note: '\u0001\u0002', '\u0002': '' }
        const given = [item('A', { attributes }), item('B', { price: null }), item('C')]
        await create(database, newId, given)
        const products = await database
          .knex('product')
          .orderBy('name')
          .select<Record<string, unknown>[]>('name', 'price', 'attributes', 'source_product_id')
        expect(JSON.parse(products[0]!['attributes'] as string)).toEqual(attributes)
        expect(products.map(({ name, price }) => [name, price])).toEqual([
          ['A', '9.90'],
          ['B', null],
          ['C', '9.90'],
        ])
        expect(products.map((product) => product['source_product_id'])).toEqual([null, null, null])
      })

      test('what is there already is found by the insert, and without an error', async () => {
        const thrown: unknown[] = []
        const insertKeys: Dialect['insertKeys'] = (...given) =>
          database.dialect.insertKeys(...given).catch((error: unknown) => {
            thrown.push(error)
            throw error
          })
        const watched = { ...database, dialect: { ...database.dialect, insertKeys } }
        await create(watched, newId, [item('B'), item('D')])
        const outcomes = await create(
          watched,
          newId,
          ['A', 'B', 'C', 'D'].map((name) => item(name)),
        )
        expect(outcomes.map(({ outcome }) => outcome)).toEqual([
          'created',
          'existing',
          'created',
          'existing',
        ])
        expect(thrown).toEqual([])
      })

      test('an item that repeats an earlier one of its batch gets its id', async () => {
        const outcomes = await create(database, newId, [item('A'), item('B'), item('a'), item('A')])
        expect(outcomes.map(({ outcome }) => outcome)).toEqual([
          'created',
          'created',
          'existing',
          'existing',
        ])
        expect(new Set(idsOf(outcomes)).size).toBe(2)
        expect(await liveCount()).toBe(2)
      })

      test('rejects items that can never be products, and goes on with the others', async () => {
        const outcomes = await create(database, newId, [
          item('A'),
          item(''),
          item('B', { price: 'free' }),
          item('C', { brand: 'Nobody' }),
          item('x'.repeat(131)),
          item('D'),
        ])
        expect(outcomes.map(({ outcome }) => outcome)).toEqual([
          'created',
          'rejected',
          'rejected',
          'rejected',
          'rejected',
          'created',
        ])
        expect(outcomes[3]).toEqual({ outcome: 'rejected', reason: 'unknown brand "Nobody"' })
        expect(await liveCount()).toBe(2)
      })

      test('rejects every item of a user who cannot be stored', async () => {
        const outcomes = await create(database, newId, [item('A')], {
          user: { id: '1', name: 'x'.repeat(31) },
        })
        expect(outcomes).toEqual([
          { outcome: 'rejected', reason: 'user name has 31 characters, at most 30 are allowed' },
        ])
        expect(await liveCount()).toBe(0)
      })

      test('takes a full chunk, with texts of any script and of full length', async () => {
        const long = '手'.repeat(126)
        const items = Array.from({ length: MAX_CHUNK_SIZE }, (_, i) => item(`${long}${i}`))
        const outcomes = await create(database, newId, items)
        expect(outcomes.every(({ outcome }) => outcome === 'created')).toBe(true)
        const again = await create(database, newId, items)
        expect(idsOf(again)).toEqual(idsOf(outcomes))
        expect(await audit(database)).toEqual({ liveProducts: MAX_CHUNK_SIZE, ...CLEAN })
      })

      test('keeps apart what only a case-blind or accent-blind collation would mix', async () => {
        const names = ['Cafe', 'Café', 'a b', 'ab', '📱', '☎', 'x\u0301', 'x', '小米', '小末']
        const outcomes = await create(
          database,
          newId,
          names.map((text) => item(text, { model: 'M' })),
        )
        expect(new Set(idsOf(outcomes)).size).toBe(names.length)
      })

      test('writes nothing when the work beside it fails', async () => {
        const failing = arrivedChunk([item('A')])
        failing.group = 'x'.repeat(1000)
        await expect(answer(database, newId, failing)).rejects.toThrow()
        expect(await database.knex('product').select()).toEqual([])
        expect(await database.knex('product_unique').select()).toEqual([])
        expect(await database.knex('copy_result').select()).toEqual([])
      })
    })

    describe('the strict policy', () => {
      test('refuses a batch with a duplicate, and writes nothing of it', async () => {
        const [existing] = await create(database, newId, [item('B')])
        const outcomes = await create(database, newId, [item('A'), item('B'), item('')], {
          policy: 'fail',
        })
        expect(outcomes).toEqual([
          { outcome: 'failed', reason: expect.stringContaining('may be tried again') },
          { outcome: 'rejected', reason: DUPLICATE_ERROR, existingId: idsOf([existing!])[0] },
          { outcome: 'rejected', reason: 'name is empty' },
        ])
        expect(DUPLICATE_ERROR).toBe('duplicate products detected, refresh and retry')
        expect(await liveCount()).toBe(1)
      })

      test('refuses a batch that repeats an item', async () => {
        const outcomes = await create(database, newId, [item('A'), item('a')], { policy: 'fail' })
        expect(outcomes.map(({ outcome }) => outcome)).toEqual(['failed', 'rejected'])
        expect(outcomes[1]).not.toHaveProperty('existingId')
        expect(await liveCount()).toBe(0)
      })

      test('writes a batch without duplicates', async () => {
        const outcomes = await create(database, newId, [item('A'), item('B')], { policy: 'fail' })
        expect(outcomes.map(({ outcome }) => outcome)).toEqual(['created', 'created'])
      })
    })

    describe('deleting', () => {
      test('frees the key: the product can be created again the third and the tenth time', async () => {
        const ids = new Set<string>()
        for (let time = 1; time <= 10; time++) {
          const [outcome] = await create(database, newId, [item('Phone')])
          expect(outcome).toMatchObject({ outcome: 'created' })
          const id = idsOf([outcome!])[0]!
          ids.add(id)
          expect(await deleteProduct(database, id)).toBe('deleted')
          expect(await audit(database)).toEqual({ liveProducts: 0, ...CLEAN })
        }
        expect(ids.size).toBe(10)
        const kept = await database
          .knex('product')
          .where({ delete_status: 1 })
          .pluck<string[]>('id')
        expect(new Set(kept)).toEqual(ids)
      })

      test('twice changes nothing the second time, not even for the next product', async () => {
        const [first] = await create(database, newId, [item('Phone')])
        const id = idsOf([first!])[0]!
        await deleteProduct(database, id)
        const [second] = await create(database, newId, [item('Phone')])
        expect(await deleteProduct(database, id)).toBe('already-deleted')
        expect(await create(database, newId, [item('Phone')])).toEqual([
          { outcome: 'existing', id: idsOf([second!])[0] },
        ])
      })

      test('takes no other product, however near its id', async () => {
        const items = Array.from({ length: 64 }, (_, i) => item(`P${i}`))
        const ids = idsOf(await create(database, newId, items))
        await deleteProduct(database, ids[31]!)
        const live = await database
          .knex('product')
          .where({ delete_status: 0 })
          .pluck<string[]>('id')
        expect(live.sort()).toEqual(ids.filter((id) => id !== ids[31]).sort())
        expect(await audit(database)).toEqual({ liveProducts: 63, ...CLEAN })
      })

      test('of an unknown product says so', async () => {
        expect(await deleteProduct(database, '42')).toBe('unknown')
      })
    })
  })
}
