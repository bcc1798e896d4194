import { test } from '@jest/globals'
import { migrate } from '../../src/platform/migrate.ts'
import { openServerDatabase } from '../../src/platform/server-database.ts'
import { createSnowflake } from '../../src/platform/snowflake.ts'
import { newDatabase } from '../support/own-names.ts'
import { describeWith } from '../support/parts.ts'
import { expectExplained, startApi } from '../support/traffic/run.ts'

for (const name of ['mysql', 'postgres'] as const) {
  describeWith(name, () => {
    test('clients fight over 200 products by all entries; an order of events explains every answer', async () => {
      const DATABASE_URL = await newDatabase(name)
      const open = async () => ({
        database: await openServerDatabase(DATABASE_URL, { poolSize: 4 }),
        newId: createSnowflake({ workerId: 9 }),
      })
      const { database } = await open()
      await migrate(database)
      await database.close()
      await expectExplained(
        // Two processes, so that no lock within one of them can help.
        () =>
          Promise.all([
            startApi([], 'unused', { DATABASE_URL, WORKER_ID: '1' }),
            startApi(['--only', 'http'], 'unused', { DATABASE_URL, WORKER_ID: '2' }),
          ]),
        open,
      )
    }, 600_000)
  })
}
