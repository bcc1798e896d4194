import type { Database, NewId } from '../database.ts'
import { ProductCopyError } from '../errors.ts'
import { readConfig, type Config } from '../platform/config.ts'
import { createLogger, type Logger } from '../platform/logger.ts'
import {
  createLocalProgress,
  createRedisProgress,
  type ProgressChannel,
} from '../platform/progress-channel.ts'
import { connectRedis, type RedisConnection } from '../platform/redis.ts'
import { createSnowflake } from '../platform/snowflake.ts'
import { leaseWorkerId } from '../platform/worker-id.ts'
import { openDatabase, type OpenOptions } from './open-database.ts'
import { untilSignal } from './signals.ts'

/** What a command works with that only reads. */
export interface DatabaseSession {
  config: Config
  database: Database
  logger: Logger
}

/** What a command works with. */
export interface Session extends DatabaseSession {
  newId: NewId
  progress: ProgressChannel
}

export interface SessionOptions extends OpenOptions {
  config?: Config
}

/** Opens the database for a piece of work that makes no ids, and closes it whatever comes of the work. */
export async function withDatabase<T>(
  { config = readConfig(), ...options }: SessionOptions,
  work: (session: DatabaseSession) => Promise<T>,
): Promise<T> {
  const logger = createLogger(config.LOG_LEVEL)
  const database = await openDatabase(config, options)
  try {
    return await work({ config, database, logger })
  } finally {
    await database.close()
  }
}

/** The same for a piece of work that makes ids, or watches progress. */
export function withSession<T>(
  options: SessionOptions,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  return withDatabase(options, async (session) => {
    const { config, database, logger } = session
    const { REDIS_URL: url } = config
    if (url === undefined) {
      const newId = await unleasedIds(config, database)
      return work({ ...session, newId, progress: createLocalProgress(logger) })
    }
    const redis = connectRedis(url, logger)
    const progress = createRedisProgress({ url, redis, logger })
    try {
      return await withIds(session, redis, (newId) => work({ ...session, newId, progress }))
    } finally {
      await progress.close()
      await redis.close()
    }
  })
}

async function unleasedIds(config: Config, database: Database): Promise<NewId> {
  const { DATABASE_URL, WORKER_ID } = config
  if (DATABASE_URL !== undefined && WORKER_ID === undefined) {
    throw new ProductCopyError(
      'could-not-run',
      'REDIS_URL or WORKER_ID is needed: with DATABASE_URL each process has a worker id of its own, leased in Redis or given as a number from 0 to 1023',
    )
  }
  return createSnowflake({ workerId: WORKER_ID ?? 0, after: await greatestId(database) })
}

async function withIds<T>(
  { config, database, logger }: DatabaseSession,
  redis: RedisConnection,
  work: (newId: NewId) => Promise<T>,
): Promise<T> {
  if (config.WORKER_ID !== undefined) return work(await unleasedIds(config, database))
  const lease = await untilSignal((signal) => leaseWorkerId({ redis, logger, signal }))
  try {
    const after = await greatestId(database)
    return await work(createSnowflake({ workerId: lease.workerId, after }))
  } finally {
    await lease.close()
  }
}

/** Ids go on from here, even when the clock was set back between two runs. */
async function greatestId({ knex }: Database): Promise<string> {
  const greatest = await Promise.all(
    ['brand', 'product', 'copy_request', 'dead_letter'].map(async (table) => {
      const [row] = await knex(table).max<{ id: string | null }[]>({ id: 'id' })
      return BigInt(row?.id ?? 0)
    }),
  )
  return greatest.reduce((a, b) => (a > b ? a : b)).toString()
}
