import { findBrands, ensureBrands } from '../src/products/brands.ts'
import { compareKeys, productKey } from '../src/products/product-key.ts'
import type { Database, NewProductRow } from '../src/database.ts'
import { batchesOf, SOURCE, TARGETS, USER } from './catalogue.ts'
import { openPlace } from './place.ts'
import { usageOf } from './processes.ts'
import type { SqlPart } from '../stack/sql.ts'
import type { Place, Run, Way } from './way.ts'

/** Transactions at a time: more gain nothing on two cores. */
const CONNECTIONS = 4

/** What the database takes from one script: the keys read first, as ours are, then two multi-row inserts. */
export const limit = (database: SqlPart, products: number, size: number): Way => ({
  name: `limit: bare transactions of ${size}, ${database}`,
  database,
  products,
  run: (place) => run(place, size),
})

async function run(place: Place, size: number): Promise<Run> {
  const { database, newId, close } = await openPlace(place, CONNECTIONS)
  try {
    await ensureBrands(database, newId, [SOURCE, ...TARGETS])
    const brands = await findBrands(database, TARGETS)
    const before = usageOf(process.pid).cpuSeconds
    const started = performance.now()
    const batches = batchesOf(place.products, size)
    const write = async () => {
      for (const items of batches) {
        const rows = items.map(({ brand, name, model, price, attributes }): NewProductRow => ({
          id: newId(),
          key: productKey(name as string, model as string),
          brandId: brands.get((brand as string).toLowerCase())!.id,
          name: name as string,
          model: model as string,
          price: price as string,
          attributes: attributes as Record<string, unknown>,
          sourceProductId: null,
        }))
        rows.sort((a, b) => compareKeys(a.key, b.key))
        await insert(database, rows)
      }
    }
    await Promise.all(Array.from({ length: CONNECTIONS }, write))
    const seconds = (performance.now() - started) / 1000
    const { cpuSeconds, peakMiB } = usageOf(process.pid)
    return { seconds, cpuSeconds: cpuSeconds - before, peakMiB }
  } finally {
    await close()
  }
}

const insert = (database: Database, rows: NewProductRow[]) =>
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
