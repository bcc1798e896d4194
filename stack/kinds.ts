import { mariadb } from './mariadb.ts'
import type { PartKind, PartName } from './part.ts'
import { postgres } from './postgres.ts'
import { redis } from './redis.ts'
import { rocketmq } from './rocketmq.ts'

export const KINDS: Record<PartName, PartKind> = { mysql: mariadb, postgres, redis, rocketmq }
