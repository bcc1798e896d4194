import { setTimeout as sleep } from 'node:timers/promises'
import { beforeEach, describe, expect, test } from '@jest/globals'
import { checkSchema } from '../../src/platform/check-schema.ts'
import { migrate, schemaState } from '../../src/platform/migrate.ts'
import type { Database } from '../../src/database.ts'
import { TABLES } from '../support/database.ts'
import type { SqlPart } from '../../stack/sql.ts'
import { createServerDatabase, type ServerDatabase } from '../support/server-database.ts'

const MIGRATIONS = ['001_tables.sql', '002_merged_into.sql']

/** How tables come about and are checked, in databases of their own. */
export function migrationTests(name: SqlPart) {
  describe(`${name}: migrating`, () => {
    let empty: ServerDatabase
    beforeEach(async () => {
      empty = await createServerDatabase(name, { migrated: false })
    })

    const withEmpty = async (
      work: (first: Database, second: Database, third: Database) => Promise<void>,
    ) => {
      try {
        const opened = await Promise.all([empty.open(), empty.open(), empty.open()])
        const [first, second, third] = opened.map(({ database }) => database)
        await work(first!, second!, third!)
      } finally {
        await empty.close()
      }
    }

    test('is done by one of three processes, and leaves sound tables', () =>
      withEmpty(async (database, second, third) => {
        expect(await schemaState(database)).toEqual({
          state: 'missing',
          found: 0,
          needed: MIGRATIONS.length,
        })
        const applied = await Promise.all([database, second, third].map(migrate))
        expect(applied.flat()).toEqual(MIGRATIONS)
        expect(await schemaState(database)).toEqual({
          state: 'current',
          found: MIGRATIONS.length,
          needed: MIGRATIONS.length,
        })
        expect(await checkSchema(database)).toEqual([])
        expect(await migrate(database)).toEqual([])
      }))

    test('waits for a process that has begun', () =>
      withEmpty(async (first, second) => {
        let done = false
        const { dialect } = first
        await first
          .inTransaction(async (trx) => {
            expect(await dialect.tryMigrationLock(trx)).toBe(true)
            const waiting = migrate(second).then(() => (done = true))
            await sleep(500)
            expect(done).toBe(false)
            await dialect.releaseMigrationLock(trx)
            // PostgreSQL's is released by the end of the transaction.
            return () => waiting
          })
          .then((wait) => wait())
        expect(done).toBe(true)
      }))

    test('goes on where a process died in the middle', () =>
      withEmpty(async (first, second) => {
        await migrate(first)
        // MySQL commits each table by itself: the version comes last.
        await first.knex('schema_migration').delete()
        await first.knex.schema.dropTable('copy_result')
        if (name === 'postgres') {
          const others = TABLES.filter((table) => table !== 'copy_result')
          for (const table of others) await first.knex.schema.dropTable(table)
        }
        expect(await migrate(second)).toEqual(MIGRATIONS)
        expect(await checkSchema(second)).toEqual([])
      }))

    test('finds newer tables, and leaves them alone', () =>
      withEmpty(async (database) => {
        await migrate(database)
        await database.knex('schema_migration').insert({ version: 999, name: '999_later.sql' })
        expect(await schemaState(database)).toMatchObject({ state: 'newer', found: 999 })
        await expect(migrate(database)).rejects.toMatchObject({ code: 'could-not-run' })
      }))

    test('tables that somebody changed are reported with what mends them', () =>
      withEmpty(async (database) => {
        await migrate(database)
        const changes =
          name === 'mysql'
            ? [
                'alter table product_unique drop index ux_name_model',
                'alter table product_unique modify name varchar(130) collate utf8mb4_general_ci null',
              ]
            : [
                'alter table product_unique drop constraint ux_name_model',
                'alter table product_unique alter name drop not null',
                'alter table product_unique alter name type varchar(130) collate "default"',
              ]
        for (const change of changes) await database.knex.raw(change)
        const problems = await checkSchema(database)
        expect(problems).toEqual([
          expect.stringMatching(/^product_unique.name has collation .* is needed: alter table/),
          expect.stringMatching(/^product_unique.name can be NULL: alter table/),
          expect.stringMatching(/^product_unique has no unique key ux_name_model/),
        ])
        for (const problem of problems)
          await database.knex.raw(problem.replace(/^.*?: (?=alter)/, ''))
        expect(await checkSchema(database)).toEqual([])
      }))
  })
}
