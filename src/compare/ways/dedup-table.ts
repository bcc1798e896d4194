import { createProducts } from '../../products/create-products.ts'
import { deleteProduct } from '../../products/delete-product.ts'
import { canonicalText, keyText } from '../../products/product-key.ts'
import { findOwners } from '../../products/product-unique.ts'
import { readProducts } from '../../products/read-product.ts'
import type { DuplicatePolicy, Item, Outcome } from '../../messages.ts'
import { NO_ANSWER, type Answer, type Site, type Way } from '../way.ts'
import { readRows } from './keyed-table.ts'

/** This project's own code: the keys of the live products in `product_unique`. */
const dedupTable = (
  name: string,
  create: (site: Site, items: Item[]) => Promise<Answer[]>,
): Way => ({
  name,
  open: (site) =>
    Promise.resolve({
      table: 'product',
      create: (items) => create(site, items),
      remove: (item) => remove(site, item),
    }),
})

/** A product that is there is answered with its id. */
export const dedupLenientWay = dedupTable('dedup-lenient', async (site, items) => {
  const outcomes = await createBatch(site, items, 'return-existing')
  return outcomes.map(answerOf)
})

/**
 * A batch with a duplicate is refused, and the duplicates are named. The caller does what the error says:
 * it takes them out, and tries again with the rest, which gets smaller with every round.
 */
export const dedupStrictWay = dedupTable('dedup-strict', async (site, items) => {
  const answers = items.map((): Answer => NO_ANSWER)
  let open = [...items.keys()]
  while (open.length > 0) {
    const outcomes = await createBatch(
      site,
      open.map((index) => items[index]!),
      'fail',
    )
    for (const [at, index] of open.entries()) answers[index] = answerOf(outcomes[at]!)
    const failed = open.filter((_, at) => outcomes[at]!.outcome === 'failed')
    if (failed.length === open.length) break
    open = failed
  }
  return answers
})

const createBatch = (
  { database, newId, brand, user }: Site,
  items: Item[],
  policy: DuplicatePolicy,
): Promise<Outcome[]> =>
  createProducts(
    database,
    { products: readProducts(items), policy, user },
    { newId, brands: () => Promise.resolve(new Map([[canonicalText(brand.name), brand]])) },
  )

function answerOf(outcome: Outcome): Answer {
  if (outcome.outcome === 'rejected' && outcome.existingId !== undefined) {
    return { outcome: 'refused', id: outcome.existingId }
  }
  return 'id' in outcome ? { outcome: outcome.outcome, id: outcome.id } : NO_ANSWER
}

async function remove(site: Site, item: Item): Promise<void> {
  const [row] = readRows(site, [item])
  const owners = await findOwners(site.database, site.database.knex, [row!.key])
  const id = owners.get(keyText(row!.key))
  if (id !== undefined) await deleteProduct(site.database, id)
}
