import type { Database } from '../database.ts'
import { releaseKey } from './product-unique.ts'
import { isId } from './read-product.ts'

/**
 * Deletes a product logically and frees its key, so that the same product can be created again, any
 * number of times. Deleting it again changes nothing.
 */
export async function deleteProduct(
  database: Database,
  id: string,
): Promise<'deleted' | 'already-deleted' | 'unknown'> {
  if (!isId(id)) return 'unknown'
  return database.inTransaction(async (trx) => {
    // The product's row is locked first: whoever changes one product waits here for the others.
    const product = await trx('product')
      .where({ id })
      .forUpdate()
      .first<{ delete_status: number } | undefined>('delete_status')
    if (!product) return 'unknown'
    if (product.delete_status !== 0) return 'already-deleted'
    await trx('product')
      .where({ id })
      .update({ delete_status: 1, edit_time: database.dialect.now() })
    await releaseKey(trx, id)
    return 'deleted'
  })
}
