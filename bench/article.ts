import { oneByOne } from '../src/broker.ts'
import { PRODUCT_COPY, PRODUCT_COPY_RESULT, type Item } from '../src/messages.ts'
import type { Env } from '../stack/part.ts'
import { peerWorker, runWithWorkers, type PeerOptions } from './peer.ts'
import { connect, singleMessages } from './single-messages.ts'
import type { Way } from './way.ts'

const SHARDS = 64

/** The article's way: one message and one transaction for each product, and one message back. */
export const article = (options: Omit<PeerOptions, 'jobSize'>): Way => ({
  name: `the article's way: a message and a transaction a product, ${options.database}`,
  kind: 'article',
  database: options.database,
  products: options.products,
  run: (place) =>
    runWithWorkers(peerWorker('article', 1), options, place, () =>
      singleMessages(place.env, {
        shards: SHARDS,
        body: (item) => JSON.stringify(item),
        created: Number,
      }),
    ),
})

export async function workForArticle(
  env: Env,
  handle: (job: { items: Item[] }) => Promise<number>,
): Promise<() => Promise<void>> {
  const broker = connect(env)
  const create = oneByOne(async ({ body, group }) => {
    const created = await handle({ items: [JSON.parse(body) as Item] })
    await broker.publish({ topic: PRODUCT_COPY_RESULT, group, body: String(created) })
  })
  await broker.subscribe(PRODUCT_COPY, 'product-copy', create)
  return () => broker.close()
}
