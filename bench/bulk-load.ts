import { Readable, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Transaction } from '../src/database.ts'
import type { SqlPart } from '../stack/sql.ts'
import { USER } from './catalogue.ts'
import { runInserts, type Insert } from './inserts.ts'
import { loadPeer } from './load-peer.ts'
import type { Way } from './way.ts'

interface CopyStreams {
  from(sql: string): Writable
}

/** Products of one transaction: so many that more gain nothing. */
const ROWS = 20_000
const KEY_COLUMNS = 'id, name, model, user_id, user_name'
const PRODUCT_COLUMNS =
  'id, brand_id, name, model, price, attributes, source_product_id, user_id, user_name'

/** The database's own bulk load, LOAD DATA or COPY, into both tables; it finds out about no duplicate. */
export const bulkLoad = (database: SqlPart, products: number): Way => ({
  name: `limit: bulk load, ${database}`,
  kind: 'bulk-load',
  database,
  products,
  run: (place) => runInserts(place, ROWS, database === 'mysql' ? into(loadData) : into(copyFrom)),
})

type Load = (trx: Transaction, table: string, columns: string, text: string) => PromiseLike<unknown>

const into =
  (load: Load): Insert =>
  (database, rows) =>
    database.inTransaction(async (trx) => {
      const user = [USER.id, USER.name]
      const keys = rows.map(({ id, key }) => [id, key.name, key.model, ...user])
      const products = rows.map(({ id, brandId, product }) => [
        ...[id, brandId, product.name, product.model, product.price, product.attributes],
        product.sourceProductId,
        ...user,
      ])
      await load(trx, 'product_unique', KEY_COLUMNS, textOf(keys))
      await load(trx, 'product', PRODUCT_COLUMNS, textOf(products))
    })

/** Lines of fields between tabs, which both databases read by default. */
const textOf = (rows: (string | null)[][]): string =>
  rows.map((fields) => `${fields.map(fieldOf).join('\t')}\n`).join('')

const ESCAPES: Record<string, string> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' }

const fieldOf = (text: string | null): string =>
  text === null ? '\\N' : text.replace(/[\\\t\n\r]/g, (sign) => ESCAPES[sign]!)

/** The file is none: the driver is asked for it, and gives the text. */
const loadData: Load = (trx, table, columns, text) =>
  trx
    .raw(`load data local infile 'rows' into table ${table} character set utf8mb4 (${columns})`)
    .options({ infileStreamFactory: () => Readable.from([Buffer.from(text)]) })

const copyFrom: Load = async (trx, table, columns, text) => {
  const client = trx.client as { acquireConnection(): Promise<{ query(of: Writable): Writable }> }
  const connection = await client.acquireConnection()
  const copy = loadPeer<CopyStreams>('pg-copy-streams')
  await pipeline(
    Readable.from([text]),
    connection.query(copy.from(`copy ${table} (${columns}) from stdin`)),
  )
}
