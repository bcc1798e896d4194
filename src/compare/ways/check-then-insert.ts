import type { Way } from '../way.ts'
import {
  checkThenInsert,
  KEY,
  makeTable,
  plainTransaction,
  readRows,
  removeLogically,
  TABLE,
} from './keyed-table.ts'

/** Looks whether the product is there, and inserts it when it is not. Nothing else: the original fault. */
export const checkThenInsertWay: Way = {
  name: 'check-then-insert',
  async open(site) {
    await makeTable(site.database, { unique: false, columns: KEY })
    return {
      table: TABLE,
      create: (items) =>
        plainTransaction(site.database, (trx) => checkThenInsert(trx, site, readRows(site, items))),
      remove: (item) => removeLogically(site, item),
    }
  },
}
