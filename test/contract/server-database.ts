import { afterAll, beforeAll } from '@jest/globals'
import {
  createServerDatabase,
  type ServerDatabase,
  type ServerName,
} from '../support/server-database.ts'
import { dataPathTests } from './data-path.ts'
import { databaseContract } from './database.ts'
import { concurrencyTests } from './server-concurrency.ts'
import { migrationTests } from './server-migrations.ts'
import { networkTests } from './server-network.ts'
import { sessionTests } from './server-sessions.ts'

/** What every database server has to do: the contract of all databases, and what only servers can. */
export function serverDatabaseTests(name: ServerName, serverUrl: string) {
  let server: ServerDatabase
  beforeAll(async () => {
    server = await createServerDatabase(serverUrl)
  })
  afterAll(() => server.drop())

  databaseContract(name, () => server.open())
  concurrencyTests(name, () => server)
  sessionTests(name, () => server)
  networkTests(name, () => server)
  migrationTests(name, serverUrl)
  dataPathTests(name, () => server.open())
}
