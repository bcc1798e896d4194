import { NO_ANSWER, type Answer, type Site, type Way } from '../way.ts'
import {
  insertRows,
  isDuplicate,
  KEY,
  makeTable,
  readRows,
  removeRow,
  TABLE,
  type Row,
} from './keyed-table.ts'

/**
 * Inserts, and returns nothing when the unique index refuses: Umami's createSession up to 3.0.0. It has no
 * form for many rows, since one duplicate would undo them all; and rows are removed, not marked.
 */
export const swallowDuplicatesWay: Way = {
  name: 'swallow-duplicates',
  async open(site) {
    await makeTable(site.database, { unique: true, columns: KEY })
    return {
      table: TABLE,
      async create(items) {
        const answers: Answer[] = []
        for (const row of readRows(site, items)) answers.push(await insertOne(site, row))
        return answers
      },
      remove: (item) => removeRow(site, item),
    }
  },
}

async function insertOne(site: Site, row: Row): Promise<Answer> {
  try {
    await insertRows(site.database.knex, site, [row])
    return { outcome: 'created', id: row.id }
  } catch (error) {
    if (!isDuplicate(error)) throw error
    return NO_ANSWER
  }
}
