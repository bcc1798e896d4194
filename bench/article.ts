import { PRODUCT_COPY, PRODUCT_COPY_RESULT, type Item } from '../src/messages.ts'
import type { Env } from '../stack/part.ts'
import { peerWorker, runWithWorkers, type PeerOptions } from './peer.ts'
import { connectOurs, singleMessages } from './single-messages.ts'
import { connectStock } from './stock-client.ts'
import type { Way } from './way.ts'

const SHARDS = 64

/** The client for Node.js as it is, or ours, which sends, fetches and acknowledges small messages together. */
const CLIENTS = {
  stock: { kind: 'article', words: '', connect: connectStock },
  ours: { kind: 'article-our-client', words: ' by our client', connect: connectOurs },
} as const
type Client = keyof typeof CLIENTS

/** The article's way: one message and one transaction for each product, and one message back. */
export function article(options: Omit<PeerOptions, 'jobSize'>, client: Client): Way {
  const { kind, words, connect } = CLIENTS[client]
  return {
    name: `the article's way: a message and a transaction a product${words}, ${options.database}`,
    kind,
    database: options.database,
    products: options.products,
    run: (place) =>
      runWithWorkers(peerWorker(`article-${client}`, 1), options, place, async () =>
        singleMessages(await connect(place.env), {
          shards: SHARDS,
          body: (item) => JSON.stringify(item),
          created: Number,
        }),
      ),
  }
}

export async function workForArticle(
  env: Env,
  client: Client,
  handle: (job: { items: Item[] }) => Promise<number>,
): Promise<() => Promise<void>> {
  const broker = await CLIENTS[client].connect(env)
  await broker.subscribe(PRODUCT_COPY, 'product-copy', async ({ body, group }) => {
    const created = await handle({ items: [JSON.parse(body) as Item] })
    await broker.publish({ topic: PRODUCT_COPY_RESULT, group, body: String(created) })
  })
  return () => broker.close()
}
