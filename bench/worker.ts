// A worker process of one of the queues. Arguments: queue, prefix, items of a job.
import { openPlace } from './place.ts'
import { workForArticle } from './article.ts'
import { workForBullMq } from './bullmq.ts'
import { workForGraphileWorker } from './graphile-worker.ts'
import { workForPgBoss } from './pg-boss.ts'
import { createJobHandler } from './job.ts'
import type { Env } from '../stack/part.ts'

const [queue, prefix, jobSize] = process.argv.slice(2) as [string, string, string]
const env = process.env as Env
const { database, newId, close } = await openPlace({ env }, 4, Number(env['WORKER_ID']))
const handle = await createJobHandler(database, newId)
const url = env['DATABASE_URL']!
/** pg-boss fetches several small jobs at a time, as its users would. */
const batchSize = Math.max(1, Math.min(100, Math.floor(1000 / Number(jobSize))))
const start: Record<string, () => Promise<() => Promise<void>>> = {
  'article-stock': () => workForArticle(env, 'stock', handle),
  'article-ours': () => workForArticle(env, 'ours', handle),
  bullmq: () => workForBullMq(env['REDIS_URL']!, prefix, handle),
  'pg-boss': () => workForPgBoss(url, batchSize, handle),
  'graphile-worker': () => workForGraphileWorker(url, handle),
}
const stop = await start[queue]!()
process.stdout.write('ready\n')
process.once('SIGTERM', () => {
  void stop()
    .then(close)
    .finally(() => process.exit(0))
})
