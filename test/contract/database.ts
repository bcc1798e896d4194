import { beforeAll, describe, expect, test } from '@jest/globals'
import type { Database, NewId } from '../../src/database.ts'
import { ensureBrands, listBrands } from '../../src/products/brands.ts'
import type { TestDatabase } from '../support/database.ts'
import { create, item } from '../support/products.ts'
import { useAcmeDatabase } from '../support/acme.ts'
import { auditTests } from './audit.ts'
import { creationTests } from './creating.ts'
import { outboxTests } from './outbox.ts'
import { raceTests } from './races.ts'

/** What every database has to do. */
export function databaseContract(name: string, open: () => Promise<TestDatabase>): void {
  describe(`database contract: ${name}`, () => {
    const fixture = useAcmeDatabase(open)
    connectionTests(name, fixture)
    creationTests(fixture)
    raceTests(fixture)
    outboxTests(fixture)
    auditTests(fixture)
  })
}

function connectionTests(name: string, fixture: TestDatabase): void {
  describe('transactions, errors and brands', () => {
    let database: Database
    let newId: NewId
    beforeAll(() => {
      ;({ database, newId } = fixture)
    })

    describe('transactions', () => {
      const deadlock = Object.assign(
        new Error('deadlock detected'),
        name === 'mysql' ? { errno: 1213 } : { code: '40P01' },
      )

      test('are run again after a deadlock, from the start', async () => {
        let attempts = 0
        await database.inTransaction(async (trx) => {
          attempts++
          await trx('brand').insert({ id: newId(), name: 'X', name_key: 'x' })
          if (attempts < 3) throw deadlock
        })
        expect(attempts).toBe(3)
        expect(await database.knex('brand').where({ name: 'X' })).toHaveLength(1)
      })

      test('give up after ten attempts', async () => {
        let attempts = 0
        const failing = database.inTransaction(() => {
          attempts++
          return Promise.reject(deadlock)
        })
        await expect(failing).rejects.toBe(deadlock)
        expect(attempts).toBe(10)
      })

      test('are not run again for anything else', async () => {
        let attempts = 0
        const failing = database.inTransaction(() => {
          attempts++
          return Promise.reject(new Error('bug'))
        })
        await expect(failing).rejects.toThrow('bug')
        expect(attempts).toBe(1)
      })
    })

    test('what is wrong with the rows does not pass for a database that is away', async () => {
      const bad = [
        { id: newId(), name: 'x'.repeat(101), name_key: 'a' },
        { id: newId(), name: null, name_key: 'a' },
        { id: 'no number', name: 'a', name_key: 'a' },
      ]
      for (const row of bad) {
        const error = await database
          .knex('brand')
          .insert(row)
          .catch((thrown: unknown) => thrown)
        expect(error).toHaveProperty('code')
        expect(database.dialect.isAway(error)).toBe(false)
        expect(database.dialect.isRetryable(error)).toBe(false)
      }
      for (const code of ['ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT', 'EPIPE', 'ENOTFOUND']) {
        expect(database.dialect.isAway(Object.assign(new Error(), { code }))).toBe(true)
      }
    })

    test('errors have the words of the database, without the statement', async () => {
      const wrong = { 'a - b': 1 }
      const alone = database.knex('product').where(wrong).select()
      await expect(alone).rejects.toThrow(/^(?!select).*a - b/)
      const inside = database.inTransaction((trx) => trx('product').insert(wrong))
      await expect(inside).rejects.toThrow(/^(?!insert).*a - b/)
    })

    describe('brands', () => {
      test('of several names with one canonical form are one, at the same time too', async () => {
        const all = await Promise.all(
          ['NAXA', 'Naxa', ' naxa '].map((text) => ensureBrands(database, newId, [text])),
        )
        expect(new Set(all.map((brands) => brands.get('naxa')!.id)).size).toBe(1)
      })

      test('are listed with their live products', async () => {
        await create(database, newId, [item('A'), item('B')])
        await ensureBrands(database, newId, ['Zen'])
        expect(await listBrands(database)).toEqual([
          { name: 'Acme', liveProducts: 2 },
          { name: 'Zen', liveProducts: 0 },
        ])
      })
    })

    test('the key columns refuse NULL, which would escape the unique key', async () => {
      for (const missing of ['name', 'model']) {
        const row = { id: newId(), name: 'n', model: 'm', user_id: '1', user_name: 'x' }
        await expect(
          database.knex('product_unique').insert({ ...row, [missing]: null }),
        ).rejects.toThrow()
      }
    })
  })
}
