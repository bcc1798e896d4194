import type { SqlPart } from '../stack/sql.ts'
import { USER } from './catalogue.ts'
import { runInserts, type Insert } from './inserts.ts'
import type { DatabaseName, Place, Run, Way } from './way.ts'

/** What the database takes from one script: the keys read first, as ours are, then two multi-row inserts. */
export const limit = (database: SqlPart, products: number, size: number): Way => ({
  name: bareName(size, database),
  kind: 'limit',
  database,
  products,
  run: (place) => runBare(place, size),
})

export const bareName = (size: number, database: DatabaseName): string =>
  `limit: bare transactions of ${size}, ${database}`

/** The limit's round, in this process. */
export const runBare = (place: Place, size: number): Promise<Run> => runInserts(place, size, insert)

const insert: Insert = (database, rows) =>
  database.inTransaction(async (trx) => {
    const { dialect } = database
    const owners = await dialect.findKeyOwners(
      trx,
      rows.map(({ key }) => key),
    )
    if (owners.length > 0) throw new Error('these products are there already')
    await dialect.insertKeys(trx, rows, USER)
    await dialect.insertProducts(trx, rows, USER)
  })
