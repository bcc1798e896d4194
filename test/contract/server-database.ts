import { afterAll, beforeAll } from '@jest/globals'
import type { SqlPart } from '../../stack/sql.ts'
import { createServerDatabase, type ServerDatabase } from '../support/server-database.ts'
import { adoptionTests } from './adoption.ts'
import { dataPathTests } from './data-path.ts'
import { databaseContract } from './database.ts'
import { productChangeTests } from './product-changes.ts'
import { concurrencyTests } from './server-concurrency.ts'
import { migrationTests } from './server-migrations.ts'
import { networkTests } from './server-network.ts'
import { sessionTests } from './server-sessions.ts'

/** What every database server has to do: the contract of all databases, and what only servers can. */
export function serverDatabaseTests(name: SqlPart) {
  let server: ServerDatabase
  beforeAll(async () => {
    server = await createServerDatabase(name)
  })
  afterAll(() => server.close())

  databaseContract(name, () => server.open())
  concurrencyTests(name, () => server)
  sessionTests(name, () => server)
  networkTests(name, () => server)
  productChangeTests(name, () => server.open())
  adoptionTests(name, () => server.open())
  migrationTests(name)
  dataPathTests(name, () => server.open())
}
