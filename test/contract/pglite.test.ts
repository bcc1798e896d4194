import { openTestDatabase } from '../support/database.ts'
import { databaseContract } from './database.ts'

databaseContract('pglite', openTestDatabase)
