import { beforeAll, describe, expect, test } from '@jest/globals'
import type { Database, NewId } from '../../src/database.ts'
import { audit } from '../../src/products/audit.ts'
import type { TestDatabase } from '../support/database.ts'
import { CLEAN } from '../support/exact.ts'
import { create, item, USER } from '../support/products.ts'

/** What the audit has to find in every database. */
export function auditTests(fixture: TestDatabase): void {
  describe('the audit', () => {
    let database: Database
    let newId: NewId
    beforeAll(() => {
      ;({ database, newId } = fixture)
    })

    const plant = async (text: string, key: { name: string; model: string } | null) => {
      const id = newId()
      await database.knex('product').insert({
        id,
        brand_id: 1,
        name: text,
        model: 'M',
        attributes: '{}',
        user_id: USER.id,
        user_name: USER.name,
      })
      if (key) {
        await database
          .knex('product_unique')
          .insert({ id, ...key, user_id: USER.id, user_name: USER.name })
      }
      return id
    }

    test('is clean for sound tables', async () => {
      await create(database, newId, [item('A'), item('B')])
      expect(await audit(database)).toEqual({ liveProducts: 2, ...CLEAN })
    })

    test('finds live products without a key', async () => {
      await plant('A', null)
      expect(await audit(database)).toEqual({ liveProducts: 1, ...CLEAN, productsWithoutKey: 1 })
    })

    test('finds a key that two live products share, of which one holds it', async () => {
      await plant('A', { name: 'a', model: 'm' })
      await plant(' a', null)
      await plant('a  ', null)
      expect(await audit(database)).toEqual({
        liveProducts: 3,
        ...CLEAN,
        duplicateKeys: 1,
        productsWithoutKey: 2,
      })
    })

    test('finds a key that two live products share, of which none holds it', async () => {
      await plant('A', null)
      await plant('a', { name: 'wrong', model: 'm' })
      expect(await audit(database)).toEqual({
        liveProducts: 2,
        ...CLEAN,
        duplicateKeys: 1,
        productsWithoutKey: 1,
        mismatchedKeys: 1,
      })
    })

    test('finds keys without a live product', async () => {
      const deleted = await plant('A', { name: 'a', model: 'm' })
      await database.knex('product').where({ id: deleted }).update({ delete_status: 1 })
      await database
        .knex('product_unique')
        .insert({ id: newId(), name: 'b', model: 'm', user_id: '1', user_name: 'x' })
      expect(await audit(database)).toEqual({ liveProducts: 0, ...CLEAN, keysWithoutProduct: 2 })
    })

    test('finds keys that are not their product’s', async () => {
      await plant('A', { name: 'b', model: 'm' })
      expect(await audit(database)).toEqual({ liveProducts: 1, ...CLEAN, mismatchedKeys: 1 })
    })
  })
}
