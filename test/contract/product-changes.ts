import { beforeAll, describe, expect, test } from '@jest/globals'
import type { Database, NewId } from '../../src/database.ts'
import { audit } from '../../src/products/audit.ts'
import { ensureBrands } from '../../src/products/brands.ts'
import { changeProduct, restoreProduct } from '../../src/products/change-product.ts'
import { deleteProduct } from '../../src/products/delete-product.ts'
import {
  findProduct,
  findProductByKey,
  findProductsOfBrand,
} from '../../src/products/find-products.ts'
import { useAcmeDatabase } from '../support/acme.ts'
import { emptyTables, type TestDatabase } from '../support/database.ts'
import { CLEAN } from '../support/exact.ts'
import { create, ensureAcme, idsOf, item, USER } from '../support/products.ts'

/** What every database has to do when single products are found, changed and restored. */
export function productChangeTests(name: string, open: () => Promise<TestDatabase>): void {
  describe(`${name}: single products`, () => {
    const fixture = useAcmeDatabase(open)
    let database: Database
    let newId: NewId
    beforeAll(() => {
      ;({ database, newId } = fixture)
    })

    const add = async (productName: string): Promise<string> =>
      idsOf(await create(database, newId, [item(productName)]))[0]!
    /** As the model of `item`. */
    const named = (productName: string) => ({ name: productName, model: `M-${productName}` })
    const isClean = async (liveProducts: number) =>
      expect(await audit(database)).toEqual({ liveProducts, ...CLEAN })

    test('are found by id, by any spelling of their key, and by brand', async () => {
      const id = await add('Phone')
      const second = await add('Tablet')
      const third = await add('Watch')
      const product = await findProduct(database.knex, id)
      expect(product).toEqual({
        id,
        brand: 'Acme',
        ...named('Phone'),
        price: '9.90',
        attributes: {},
        sourceProductId: null,
        deleted: false,
        mergedInto: null,
        user: USER,
        createDate: expect.any(Date),
        editTime: expect.any(Date),
      })
      expect(Math.abs(product!.createDate.getTime() - Date.now())).toBeLessThan(60_000)
      expect(await findProductByKey(database, ' PHONE ', 'm-phone')).toEqual(product)
      expect(await findProductByKey(database, 'Phone', 'other')).toBeUndefined()
      for (const unknown of ['42', '0', '-1', '18446744073709551616', 'abc', '']) {
        expect(await findProduct(database.knex, unknown)).toBeUndefined()
      }
      const page = async (after: string, limit: number) =>
        (await findProductsOfBrand(database, 'ACME', { after, limit })).map((one) => one.id)
      expect(await page('0', 2)).toEqual([id, second])
      expect(await page(second, 2)).toEqual([third])
      await deleteProduct(database, third)
      expect(await page(second, 2)).toEqual([])
      expect(await findProductByKey(database, 'Watch', 'M-Watch')).toBeUndefined()
      expect(await findProduct(database.knex, third)).toMatchObject({ deleted: true })
    })

    test('a rename moves the key: the new one is taken, the old one is free', async () => {
      const id = await add('Phone')
      const changed = await changeProduct(database, id, named('Tablet'), USER)
      expect(changed).toMatchObject({ result: 'done', product: { id, ...named('Tablet') } })
      expect(await create(database, newId, [item('tablet')])).toEqual([{ outcome: 'existing', id }])
      expect(await create(database, newId, [item('Phone')])).toMatchObject([{ outcome: 'created' }])
      await isClean(2)
    })

    test('a rename to a taken key names its holder, and changes nothing', async () => {
      const id = await add('Phone')
      const holder = await add('Tablet')
      expect(await changeProduct(database, id, named('TABLET'), USER)).toEqual({
        result: 'duplicate',
        existingId: holder,
      })
      expect(await findProduct(database.knex, id)).toMatchObject(named('Phone'))
      await isClean(2)
    })

    test('a change keeps what it does not name, and another spelling of the same key is no rename', async () => {
      const id = await add('Phone')
      await ensureBrands(database, newId, ['Other'])
      const change = { name: 'PHONE', brand: 'other', price: 12, attributes: { a: [1] } }
      expect(await changeProduct(database, id, change, USER)).toMatchObject({
        result: 'done',
        product: {
          brand: 'Other',
          name: 'PHONE',
          model: 'M-Phone',
          price: '12.00',
          attributes: { a: [1] },
        },
      })
      expect(await changeProduct(database, id, { price: null }, USER)).toMatchObject({
        product: { name: 'PHONE', price: null, attributes: { a: [1] } },
      })
      await isClean(1)
    })

    test.each([
      [{ name: '' }, 'name is empty'],
      [{ name: 'x'.repeat(131) }, 'name has 131 characters'],
      [{ price: 'free' }, 'price is "free"'],
      [{ brand: 'Nobody' }, 'unknown brand "Nobody"'],
      [{ brand: 7 }, 'brand is 7, not a text'],
    ])('a change to %j is refused, and nothing is changed', async (change, message) => {
      const id = await add('Phone')
      const before = await findProduct(database.knex, id)
      const changing = changeProduct(database, id, { model: 'other', ...change }, USER)
      await expect(changing).rejects.toThrow(message)
      expect(await findProduct(database.knex, id)).toEqual(before)
      await isClean(1)
    })

    test('a deleted or unknown product cannot be changed', async () => {
      const id = await add('Phone')
      await deleteProduct(database, id)
      for (const one of [id, '42', 'abc']) {
        expect(await changeProduct(database, one, named('X'), USER)).toEqual({ result: 'unknown' })
      }
    })

    test('a restored product has its key again; twice changes nothing', async () => {
      const id = await add('Phone')
      await deleteProduct(database, id)
      for (let time = 0; time < 2; time++) {
        expect(await restoreProduct(database, id, USER)).toMatchObject({
          result: 'done',
          product: { id, deleted: false },
        })
      }
      expect(await create(database, newId, [item('Phone')])).toEqual([{ outcome: 'existing', id }])
      await isClean(1)
      expect(await restoreProduct(database, '42', USER)).toEqual({ result: 'unknown' })
    })

    test('a product whose key has been taken meanwhile stays deleted', async () => {
      const id = await add('Phone')
      await deleteProduct(database, id)
      const holder = await add('phone')
      expect(await restoreProduct(database, id, USER)).toEqual({
        result: 'duplicate',
        existingId: holder,
      })
      await deleteProduct(database, holder)
      expect(await restoreProduct(database, id, USER)).toMatchObject({ result: 'done' })
      await isClean(1)
    })

    test('eight at once want one key: by creation, rename and restore; one gets it', async () => {
      for (let round = 0; round < 10; round++) {
        const renamed = await Promise.all([add('A'), add('B'), add('C')])
        const deleted: string[] = []
        for (let time = 0; time < 2; time++) {
          const id = await add('Phone')
          await deleteProduct(database, id)
          deleted.push(id)
        }
        const results = await Promise.all([
          ...renamed.map((id) => changeProduct(database, id, named('Phone'), USER)),
          ...deleted.map((id) => restoreProduct(database, id, USER)),
          create(database, newId, [item('Phone')]),
          create(database, newId, [item('PHONE')]),
          create(database, newId, [item('Phone')], { policy: 'fail' }),
        ])
        const winner = (await findProductByKey(database, 'phone', 'm-phone'))!.id
        const got = results.flat().filter((result) => {
          if ('result' in result) return result.result === 'done'
          return result.outcome === 'created'
        })
        expect(got).toHaveLength(1)
        for (const result of results.flat()) {
          if ('existingId' in result) expect(result.existingId).toBe(winner)
        }
        expect((await audit(database)).duplicateKeys).toBe(0)
        await emptyTables(database)
        await ensureAcme(database, newId)
      }
    })

    test('two products swap their names, at the same time, again and again', async () => {
      const [a, b] = [await add('A'), await add('B')]
      for (let round = 0; round < 20; round++) {
        const results = await Promise.all([
          changeProduct(database, a, named(round % 2 === 0 ? 'B' : 'A'), USER),
          changeProduct(database, b, named(round % 2 === 0 ? 'A' : 'B'), USER),
        ])
        // Each sees the other's key as taken, unless it comes after the other has left it: never so.
        for (const { result } of results) expect(['done', 'duplicate']).toContain(result)
        await isClean(2)
      }
    })
  })
}
