import { afterAll, beforeAll, beforeEach } from '@jest/globals'
import { emptyTables, openTestDatabase, type TestDatabase } from './database.ts'
import { ensureAcme } from './products.ts'

/** @returns an embedded database for the tests of a file, which has nothing but the brand Acme before each */
export function useAcmeDatabase(): TestDatabase {
  const fixture = {} as TestDatabase
  beforeAll(async () => {
    Object.assign(fixture, await openTestDatabase())
  })
  afterAll(() => fixture.database.close())
  beforeEach(async () => {
    await emptyTables(fixture.database)
    await ensureAcme(fixture.database, fixture.newId)
  })
  return fixture
}
