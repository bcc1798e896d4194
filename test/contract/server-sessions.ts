import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { Transaction } from '../../src/database.ts'
import { transactions } from '../../src/platform/transactions.ts'
import { emptyTables, type TestDatabase } from '../support/database.ts'
import type { ServerDatabase } from '../support/server-database.ts'
import type { SqlPart } from '../../stack/sql.ts'

/** What each session is set to, and what becomes of it. */
export function sessionTests(name: SqlPart, server: () => ServerDatabase) {
  describe(`${name}: sessions`, () => {
    let pool: TestDatabase
    beforeAll(async () => {
      pool = await server().open({ poolSize: 4 })
    })
    beforeEach(() => emptyTables(pool.database))

    const brand = (text: string) => ({ id: pool.newId(), name: text, name_key: text })

    test('read what was committed meanwhile, in a transaction too', async () => {
      await pool.database.inTransaction(async (trx) => {
        expect(await trx('brand').select()).toHaveLength(0)
        await pool.database.knex('brand').insert(brand('a'))
        expect(await trx('brand').select()).toHaveLength(1)
      })
    })

    test('read one moment in a snapshot', async () => {
      await pool.database.inSnapshot(async (trx) => {
        expect(await trx('brand').select()).toHaveLength(0)
        await pool.database.knex('brand').insert(brand('a'))
        expect(await trx('brand').select()).toHaveLength(0)
      })
    })

    test('count rows that were changed, give ids as text, and keep times in UTC', async () => {
      const { knex, dialect } = pool.database
      const row = { ...brand('a'), id: '9223372036854775807' }
      await knex('brand').insert([row, { ...brand('b'), id: '42' }])
      const unchanged = await knex('brand').where({ id: row.id }).update({ name: 'a' })
      // PostgreSQL writes the row anew, and has no other count.
      expect(unchanged).toBe(name === 'mysql' ? 0 : 1)
      const [small, found] = await knex('brand')
        .orderBy('id')
        .select<{ id: string; create_date: Date }[]>()
      expect([small!.id, found!.id]).toEqual(['42', row.id])
      expect(Math.abs(found!.create_date.getTime() - Date.now())).toBeLessThan(60_000)
      await knex('brand').update({ create_date: dialect.now(3_600_000) })
      const [later] = await knex('brand').select<{ create_date: Date }[]>()
      const ahead = later!.create_date.getTime() - Date.now()
      expect(Math.abs(ahead - 3_600_000)).toBeLessThan(60_000)
    })

    test('refuse a text that is too long, rather than cutting it', async () => {
      await expect(pool.database.knex('brand').insert(brand('x'.repeat(101)))).rejects.toThrow(
        /too long/i,
      )
    })

    /** Adds the brands a and b, and locks b. @returns what ends that, and the end of it */
    const holdB = async ({ database }: TestDatabase) => {
      await database.knex('brand').insert([brand('a'), brand('b')])
      let release = () => {}
      const released = new Promise<void>((resolve) => (release = resolve))
      let locked = () => {}
      const isLocked = new Promise<void>((resolve) => (locked = resolve))
      const holder = database.inTransaction(async (trx) => {
        await trx('brand').where({ name: 'b' }).update({ name: 'held' })
        locked()
        await released
      })
      await isLocked
      return { release, holder }
    }
    const waitOneSecond = (trx: Transaction) =>
      trx.raw(
        name === 'mysql'
          ? 'set session innodb_lock_wait_timeout = 1'
          : "set local lock_timeout = '1s'",
      )

    test('a transaction that waited in vain for a lock is rolled back whole, and run again', async () => {
      const { database } = pool
      const { release, holder } = await holdB(pool)
      let attempts = 0
      const waiter = database.inTransaction(async (trx) => {
        attempts++
        await waitOneSecond(trx)
        await trx('brand').insert(brand(`attempt ${attempts}`))
        if (attempts === 2) release()
        await trx('brand').where({ name_key: 'b' }).update({ name: 'mine' })
      })
      await Promise.all([holder, waiter])
      expect(attempts).toBe(2)
      const found = await database.knex('brand').orderBy('name').pluck<string[]>('name')
      expect(found).toEqual(['a', 'attempt 2', 'mine'])
    })

    test('a transaction whose lock somebody keeps is not run again for ever', async () => {
      const { knex, dialect } = pool.database
      const { release, holder } = await holdB(pool)
      let attempts = 0
      const waiter = transactions(knex, dialect, 2500).inTransaction(async (trx) => {
        attempts++
        await waitOneSecond(trx)
        await trx('brand').where({ name_key: 'b' }).update({ name: 'mine' })
      })
      const error = await waiter.catch((thrown: unknown) => thrown)
      release()
      await holder
      expect(dialect.isRetryable(error)).toBe(true)
      // The third one begins within the time; on a busy machine the second is the last.
      expect(attempts).toBeGreaterThanOrEqual(2)
      expect(attempts).toBeLessThanOrEqual(3)
    })

    test('that the server ends are replaced, and their error says that it is away', async () => {
      const { database } = pool
      const error = await database
        .inTransaction(async (trx) => {
          await trx('brand').insert(brand('a'))
          await endSession(server(), await sessionId(trx))
          await trx('brand').insert(brand('b'))
        })
        .catch((thrown: unknown) => thrown)
      expect(error).toHaveProperty('code')
      expect(database.dialect.isAway(error)).toBe(true)
      expect(await database.knex('brand').select()).toEqual([])
    })

    const sessionId = async (trx: Transaction) => {
      const answer: unknown = await trx.raw(
        name === 'mysql' ? 'select connection_id() as id' : 'select pg_backend_pid() as id',
      )
      const rows = (
        name === 'mysql' ? (answer as [unknown])[0] : (answer as { rows: unknown }).rows
      ) as {
        id: string
      }[]
      return Number(rows[0]!.id)
    }
    const endSession = ({ admin }: ServerDatabase, id: number) =>
      name === 'mysql'
        ? admin.raw('kill ?', [id])
        : admin.raw('select pg_terminate_backend(?)', [id])

    test('the pool does not grow beyond its size, and waits', async () => {
      const { database } = await server().open({ poolSize: 2 })
      let now = 0
      let most = 0
      await Promise.all(
        Array.from({ length: 8 }, () =>
          database.inTransaction(async (trx) => {
            most = Math.max(most, ++now)
            await trx('brand').select()
            await sleep(10)
            now--
          }),
        ),
      )
      expect(most).toBe(2)
    })
  })
}
