import type { Way } from '../way.ts'
import { checkThenInsertWay } from './check-then-insert.ts'
import { dedupLenientWay, dedupStrictWay } from './dedup-table.ts'
import { doNothingWay } from './do-nothing.ts'
import { insertIgnoreWay } from './insert-ignore.ts'
import { oneConsumerWay } from './one-consumer.ts'
import { redisLockWay } from './redis-lock.ts'
import { swallowDuplicatesWay } from './swallow-duplicates.ts'
import { uniqueIndexStatusWay, uniqueIndexWay } from './unique-index.ts'
import { upsertWay } from './upsert.ts'

/** In the order in which they were tried, one after another. */
export const WAYS: readonly Way[] = [
  checkThenInsertWay,
  uniqueIndexWay,
  uniqueIndexStatusWay,
  redisLockWay,
  oneConsumerWay,
  upsertWay,
  insertIgnoreWay,
  swallowDuplicatesWay,
  doNothingWay,
  dedupLenientWay,
  dedupStrictWay,
]
