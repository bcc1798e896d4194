import { NO_ANSWER, type Way } from '../way.ts'
import {
  insertRows,
  KEY,
  makeTable,
  plainTransaction,
  readRows,
  removeRow,
  TABLE,
} from './keyed-table.ts'

/**
 * INSERT IGNORE: the unique index leaves out the rows whose keys are there, and the count of the others
 * is all that comes back. A row that is only marked as deleted would swallow the next one of its key,
 * so that deleting removes it.
 */
export const insertIgnoreWay: Way = {
  name: 'insert-ignore',
  unavailable: ({ dialect }) =>
    dialect === 'mysql' ? undefined : 'PostgreSQL has none; do-nothing is its like',
  async open(site) {
    await makeTable(site.database, { unique: true, columns: KEY })
    return {
      table: TABLE,
      async create(items) {
        const rows = readRows(site, items)
        const [result] = (await plainTransaction(site.database, (trx) =>
          insertRows(trx, site, rows, { ignore: true }),
        )) as unknown as [{ affectedRows: number }]
        const all = result.affectedRows === rows.length
        return rows.map(({ id }) => (all ? { outcome: 'created', id } : NO_ANSWER))
      },
      remove: (item) => removeRow(site, item),
    }
  },
}
