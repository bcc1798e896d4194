import { test } from '@jest/globals'
import { openEmbeddedDatabase } from '../../src/platform/embedded-database.ts'
import { createSnowflake } from '../../src/platform/snowflake.ts'
import { newDataFolder } from '../support/database.ts'
import { expectExplained, startApi } from '../support/traffic/run.ts'

test('embedded: clients fight over 200 products by all entries; an order of events explains every answer', async () => {
  const data = await newDataFolder()
  await expectExplained(
    async () => [await startApi([], data, {})],
    async () => ({
      database: await openEmbeddedDatabase(data, { create: false }),
      newId: createSnowflake({ workerId: 1 }),
    }),
  )
}, 600_000)
