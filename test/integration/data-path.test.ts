import { dataPathTests } from '../contract/data-path.ts'
import { openTestDatabase } from '../support/database.ts'

dataPathTests('pglite', openTestDatabase)
