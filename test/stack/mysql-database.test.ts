import { serverDatabaseTests } from '../contract/server-database.ts'
import { describeWith } from '../support/parts.ts'

describeWith('mysql', () => serverDatabaseTests('mysql'))
