import type { Transaction } from '../../database.ts'
import { keyText } from '../../products/product-key.ts'
import { NO_ANSWER, type Answer, type Site, type Way } from '../way.ts'
import {
  findLive,
  insertRows,
  KEY,
  makeTable,
  plainTransaction,
  readRows,
  removeLogically,
  TABLE,
  type Row,
} from './keyed-table.ts'

/**
 * INSERT ... ON DUPLICATE KEY UPDATE, or ON CONFLICT DO UPDATE: with a unique index on `product`, the
 * row that is there takes the new values, and lives again if it was deleted.
 */
export const upsertWay: Way = {
  name: 'upsert',
  async open(site) {
    await makeTable(site.database, { unique: true, columns: KEY })
    return {
      table: TABLE,
      create: (items) =>
        plainTransaction(site.database, (trx) => upsert(trx, site, readRows(site, items))),
      remove: (item) => removeLogically(site, item),
    }
  },
}

const UPDATE = {
  mysql: `on duplicate key update delete_status = 0, edit_time = utc_timestamp(6),
    price = values(price), attributes = values(attributes)`,
  postgres: `on conflict (name_key, model_key) do update set delete_status = 0, edit_time = now(),
    price = excluded.price, attributes = excluded.attributes`,
}

async function upsert(trx: Transaction, site: Site, rows: Row[]): Promise<Answer[]> {
  await insertRows(trx, site, rows, { end: UPDATE[site.database.dialect.name] })
  // The rows are ours until the commit, whoever inserted them.
  const live = await findLive(
    trx,
    rows.map(({ key }) => key),
  )
  return rows.map(({ id, key }) => {
    const found = live.get(keyText(key))
    if (found === undefined) return NO_ANSWER
    return { outcome: found === id ? 'created' : 'existing', id: found }
  })
}
