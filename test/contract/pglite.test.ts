import { openTestDatabase } from '../support/database.ts'
import { databaseContract } from './database.ts'
import { productChangeTests } from './product-changes.ts'

databaseContract('pglite', openTestDatabase)
productChangeTests('pglite', openTestDatabase)
