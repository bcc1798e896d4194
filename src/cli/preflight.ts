import type { Database } from '../database.ts'
import { errorLines, ProductCopyError } from '../errors.ts'
import { PARTIES, rocketMqOptions, SUBSCRIPTIONS, type Party } from '../parties.ts'
import { checkSchema } from '../platform/check-schema.ts'
import type { Config } from '../platform/config.ts'
import { serverName } from '../platform/database-server-check.ts'
import type { Logger } from '../platform/logger.ts'
import { connectRedis } from '../platform/redis.ts'
import { checkProducer, checkSubscription } from '../platform/rocketmq-client.ts'
import { openDatabase } from './open-database.ts'
import type { Session } from './session.ts'

/** One thing that has to be right before work is begun. */
export interface Check {
  part: string
  ok: boolean
  /** What was found; when it is not as needed, also what mends it. */
  found: string
}

/**
 * Checks everything that the configuration names, one thing after another, whatever becomes of the
 * others. Each answers within seconds. Changes nothing.
 */
export async function* preflight(config: Config, logger: Logger): AsyncGenerator<Check> {
  yield* checkDatabase(config)
  yield* checkBroker(config, logger, PARTIES)
  yield* checkRedis(config, logger)
}

async function* checkDatabase(config: Config): AsyncGenerator<Check> {
  let database: Database | undefined
  try {
    database = await openDatabase(config, { create: false })
    const where = config.DATABASE_URL === undefined ? config.DATA_DIR : await serverName(database)
    yield { part: 'database', ok: true, found: `${where} answers, its tables are up to date` }
    const problems = await checkSchema(database)
    for (const found of problems) yield { part: 'schema', ok: false, found }
    if (problems.length > 0) return
    yield { part: 'schema', ok: true, found: 'keys, collations and isolation are as needed' }
  } catch (error) {
    for (const found of errorLines(error)) yield { part: 'database', ok: false, found }
  } finally {
    await database?.close()
  }
}

/** Checks what the parties need of the broker. */
async function* checkBroker(
  config: Config,
  logger: Logger,
  only: readonly Party[],
): AsyncGenerator<Check> {
  const options = rocketMqOptions(config, logger)
  if (!options) {
    yield { part: 'broker', ok: true, found: 'in the process, since ROCKETMQ_ENDPOINTS is not set' }
    return
  }
  if (only.includes('job') || only.includes('relay')) {
    yield await check('topics', 'are there and FIFO', () => checkProducer(options))
  }
  for (const { party, topic, consumerGroup } of SUBSCRIPTIONS) {
    if (!only.includes(party)) continue
    const group = options.prefix + consumerGroup
    yield await check(`consumer group ${group}`, 'is there and orderly', () =>
      checkSubscription(options, topic, consumerGroup),
    )
  }
}

async function* checkRedis(
  { REDIS_URL, WORKER_ID }: Config,
  logger: Logger,
): AsyncGenerator<Check> {
  if (REDIS_URL === undefined) {
    const ids = WORKER_ID === undefined ? '' : `, worker id ${WORKER_ID}`
    yield { part: 'redis', ok: true, found: `absent, since REDIS_URL is not set${ids}` }
    return
  }
  const redis = connectRedis(REDIS_URL, logger.child({}, { level: 'silent' }))
  try {
    await redis.firstAttempt
    const fault = redis.fault()
    if (fault === undefined) yield { part: 'redis', ok: true, found: 'answers' }
    else yield { part: 'redis', ok: false, found: `REDIS_URL: Redis does not answer: ${fault}` }
  } finally {
    await redis.close()
  }
}

/**
 * What a process that runs parties checks at its start, beside what opening its session has shown.
 * @throws ProductCopyError `could-not-run` with a line for each problem
 */
export async function checkStart(session: Session, only: readonly Party[]): Promise<void> {
  const { config, database, logger } = session
  const problems = await checkSchema(database)
  for await (const { ok, found } of checkBroker(config, logger, only)) if (!ok) problems.push(found)
  if (problems.length === 0) return
  throw new ProductCopyError('could-not-run', [...new Set(problems)].join('\n'))
}

async function check(part: string, found: string, work: () => Promise<void>): Promise<Check> {
  try {
    await work()
    return { part, ok: true, found }
  } catch (error) {
    return { part, ok: false, found: errorLines(error).join(' ') }
  }
}
