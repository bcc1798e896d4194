import { countOutcomes, parseResultMessage } from '../src/messages.ts'
import { USER } from './catalogue.ts'
import { runWithWorkers, type PeerOptions } from './peer.ts'
import { connectOurs, singleMessages } from './single-messages.ts'
import type { Way } from './way.ts'

/** As many as ours has by itself. */
const SHARDS = 8

/** Another system sends our consumers a chunk of one product at a time, and takes the results. */
export const otherSystem = (options: Omit<PeerOptions, 'jobSize'>): Way => ({
  name: `product-copy, ${options.database}, ${options.workers} consumers, single products of another system`,
  kind: 'plain',
  database: options.database,
  products: options.products,
  run: (place) =>
    runWithWorkers(
      () => ({ args: ['dist/src/cli/main.js', 'serve', '--only', 'consumer'], ready: '"serving"' }),
      options,
      place,
      (prefix) =>
        singleMessages(connectOurs(place.env), {
          shards: SHARDS,
          body: (item, no) =>
            JSON.stringify({
              type: 'product-copy',
              version: 1,
              requestId: prefix,
              chunkNo: no + 1,
              policy: 'return-existing',
              userId: USER.id,
              userName: USER.name,
              items: [item],
            }),
          created: (body) => countOutcomes(parseResultMessage(body).message.outcomes).created,
        }),
    ),
})
