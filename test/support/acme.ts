import { afterAll, beforeAll, beforeEach } from '@jest/globals'
import { emptyTables, openTestDatabase, type TestDatabase } from './database.ts'
import { ensureAcme } from './products.ts'

/**
 * @param open (default: an embedded one)
 * @returns a database for the tests of a file or a block, which has nothing but the brand Acme before each
 */
export function useAcmeDatabase(
  open: () => Promise<TestDatabase> = openTestDatabase,
): TestDatabase {
  const fixture = {} as TestDatabase
  beforeAll(async () => {
    Object.assign(fixture, await open())
  })
  afterAll(() => fixture.database.close())
  beforeEach(async () => {
    await emptyTables(fixture.database)
    await ensureAcme(fixture.database, fixture.newId)
  })
  return fixture
}
