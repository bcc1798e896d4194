import { MAX_CHUNK_SIZE } from '../src/messages.ts'
import type { Guard } from '../stack/guard.ts'
import { article } from './article.ts'
import { bulkLoad } from './bulk-load.ts'
import { TARGETS } from './catalogue.ts'
import { bullmq } from './bullmq.ts'
import { limitEmbedded, oursEmbedded } from './embedded.ts'
import { graphileWorker } from './graphile-worker.ts'
import { limit } from './limit.ts'
import { otherSystem } from './other-system.ts'
import { ours } from './ours.ts'
import { pgBoss } from './pg-boss.ts'
import { redisLock } from './redis-lock.ts'
import type { Way } from './way.ts'

/** A way with a transaction for each product takes so many times fewer, or it would take all day. */
const SLOWER = 20

/** Products of one job of the others: up to as many as a transaction of ours has. */
const JOB_SIZES = [100, 500, 2000, 4000, MAX_CHUNK_SIZE]

/** All ways, in the order of the table. */
export function allWays(products: number, guard: Guard): Way[] {
  const few = TARGETS.length * Math.ceil(products / SLOWER / TARGETS.length)
  const mysql = { database: 'mysql', workers: 2, guard } as const
  const postgres = { database: 'postgres', workers: 2, guard } as const
  return [
    ...[1, 2, 4].map((consumers) => ours({ ...mysql, products, consumers })),
    ...[MAX_CHUNK_SIZE, 100, 20].map((chunkSize) =>
      ours({ ...mysql, products, consumers: 2, chunkSize }),
    ),
    ours({ ...mysql, products: few, consumers: 2, chunkSize: 1 }),
    otherSystem({ ...mysql, products: few }),
    ...[1, 2].map((consumers) => ours({ ...postgres, products, consumers })),
    ours({ ...postgres, products, consumers: 2, chunkSize: MAX_CHUNK_SIZE }),
    oursEmbedded(products, guard),
    article({ ...mysql, products: few }, 'stock'),
    article({ ...mysql, products: few }, 'ours'),
    redisLock('mysql', few),
    ...JOB_SIZES.map((jobSize) => bullmq({ ...mysql, products, jobSize })),
    ...JOB_SIZES.map((jobSize) => pgBoss({ ...postgres, products, jobSize })),
    ...JOB_SIZES.map((jobSize) => graphileWorker({ ...postgres, products, jobSize })),
    bullmq({ ...mysql, products: few, jobSize: 1 }),
    pgBoss({ ...postgres, products: few, jobSize: 1 }),
    graphileWorker({ ...postgres, products: few, jobSize: 1 }),
    ...[100, 500, 1000].map((size) => limit('mysql', products, size)),
    ...[100, 500, 1000].map((size) => limit('postgres', products, size)),
    bulkLoad('mysql', products),
    bulkLoad('postgres', products),
    ...[100, 500, 1000].map((size) => limitEmbedded(products, size, guard)),
  ]
}
