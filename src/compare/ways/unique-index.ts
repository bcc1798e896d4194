import type { Item } from '../../messages.ts'
import type { Answer, Site, Way } from '../way.ts'
import {
  checkThenInsert,
  isDuplicate,
  KEY,
  makeTable,
  plainTransaction,
  readRows,
  removeLogically,
  TABLE,
} from './keyed-table.ts'

/** After a lost race the winner is there to be found; more rounds help in bulk, where there are several. */
const MAX_ROUNDS = 3

const uniqueIndex = (name: string, columns: string[]): Way => ({
  name,
  async open(site) {
    await makeTable(site.database, { unique: true, columns })
    return {
      table: TABLE,
      create: (items) => create(site, items),
      remove: (item) => removeLogically(site, item),
    }
  },
})

/** Looks first; when another writer was faster the index refuses the row, and it looks again. */
async function create(site: Site, items: Item[]): Promise<Answer[]> {
  const rows = readRows(site, items)
  for (let round = 1; ; round++) {
    try {
      return await plainTransaction(site.database, (trx) => checkThenInsert(trx, site, rows))
    } catch (error) {
      if (round === MAX_ROUNDS || !isDuplicate(error)) throw error
    }
  }
}

/** A unique index on `product` itself, whose deleted rows hold their keys. */
export const uniqueIndexWay = uniqueIndex('unique-index', KEY)

/** With the mark of deletion in the index: one live row and one deleted row for each key. */
export const uniqueIndexStatusWay = uniqueIndex('unique-index-status', [...KEY, 'delete_status'])
