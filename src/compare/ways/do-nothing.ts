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
 * ON CONFLICT DO NOTHING: Umami's createSession from 3.0.1 on. It says which rows were inserted, and of the
 * others nothing. Rows are removed, not marked.
 */
export const doNothingWay: Way = {
  name: 'do-nothing',
  unavailable: ({ dialect }) =>
    dialect === 'postgres' ? undefined : 'MySQL and MariaDB have none; insert-ignore is its like',
  async open(site) {
    await makeTable(site.database, { unique: true, columns: KEY })
    const end = 'on conflict (name_key, model_key) do nothing returning id'
    return {
      table: TABLE,
      async create(items) {
        const rows = readRows(site, items)
        const inserted = (await plainTransaction(site.database, (trx) =>
          insertRows(trx, site, rows, { end }),
        )) as unknown as { rows: { id: string }[] }
        const created = new Set(inserted.rows.map(({ id }) => id))
        return rows.map(({ id }) => (created.has(id) ? { outcome: 'created', id } : NO_ANSWER))
      },
      remove: (item) => removeRow(site, item),
    }
  },
}
