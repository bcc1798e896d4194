import { openTestDatabase } from '../support/database.ts'
import { adoptionTests } from './adoption.ts'
import { databaseContract } from './database.ts'
import { productChangeTests } from './product-changes.ts'

databaseContract('pglite', openTestDatabase)
productChangeTests('pglite', openTestDatabase)
adoptionTests('pglite', openTestDatabase)
