import { COPY_RESULT_GROUP, consumeCopyResults } from '../consumers/copy-result.ts'
import { PRODUCT_COPY_GROUP, consumeProductCopy } from '../consumers/product-copy.ts'
import { startCopyRequestJob } from '../producers/copy-request-job.ts'
import { startResultRelay } from '../producers/result-relay.ts'
import type { Broker } from './broker.ts'
import { forgetInFlight } from './copy/outbox.ts'
import type { Database, NewId } from './database.ts'
import { PRODUCT_COPY, PRODUCT_COPY_RESULT } from './messages.ts'
import { loadApiTokens } from './http/tokens.ts'
import type { Config } from './platform/config.ts'
import { watchDatabase, type DatabaseWatch } from './platform/database-watch.ts'
import type { Logger } from './platform/logger.ts'
import { createMemoryBroker } from './platform/memory-broker.ts'
import type { ProgressChannel } from './platform/progress-channel.ts'
import type { RocketMqOptions } from './platform/rocketmq-client.ts'

/** The steps of the data path that a process can take on: 2, 3 with 4, 5 and 6. */
export const DATA_PATH = ['job', 'consumer', 'relay', 'result'] as const
/** All that a process can take on: the HTTP API too. */
export const PARTIES = [...DATA_PATH, 'http'] as const
export type Party = (typeof PARTIES)[number]

/** Each topic with the consumer group that reads it. */
export const SUBSCRIPTIONS = [
  { party: 'consumer', topic: PRODUCT_COPY, consumerGroup: PRODUCT_COPY_GROUP },
  { party: 'result', topic: PRODUCT_COPY_RESULT, consumerGroup: COPY_RESULT_GROUP },
] as const

export interface Parties {
  /** Takes nothing new, finishes what is in hand, and resolves. What waits stays in the database. */
  stop(): Promise<void>
}

export interface PartiesOptions {
  config: Config
  database: Database
  newId: NewId
  progress: ProgressChannel
  logger: Logger
  /** Which ones. (Default: the data path) Some of that alone need a broker that other processes share. */
  only?: readonly Party[]
}

/** Starts parties in this process. */
export async function startParties(options: PartiesOptions): Promise<Parties> {
  const { config, database, newId, logger, only = DATA_PATH } = options
  const watch = watchDatabase(database, logger)
  const dataPath = DATA_PATH.filter((party) => only.includes(party))
  const running: Stoppable[] = []
  const stop = async () => {
    await Promise.all(running.map((party) => party.stop()))
  }
  try {
    // It comes first, for its port may be in use: what the others had begun would have to wait.
    if (only.includes('http')) {
      const { startHttpServer } = await import('./http/server.ts')
      const api = { database, watch, newId, logger, ...httpOptions(config) }
      running.push(await startHttpServer(api))
    }
    if (dataPath.length > 0) running.push(await startDataPath(options, watch, dataPath))
  } catch (error) {
    await stop()
    throw error
  }
  return { stop }
}

async function startDataPath(
  { config, database, newId, progress, logger }: PartiesOptions,
  watch: DatabaseWatch,
  parties: (typeof DATA_PATH)[number][],
): Promise<Stoppable> {
  const broker = await openBroker(config, database, logger)
  const { announce } = progress
  const parts = { database, watch, newId, announce, logger, subscriber: broker, publisher: broker }
  const settings = { chunkSize: config.CHUNK_SIZE, shards: config.SHARDS }
  const start: Record<(typeof DATA_PATH)[number], () => Stoppable | Promise<Stoppable>> = {
    result: () => consumeCopyResults(parts),
    consumer: () => consumeProductCopy(parts),
    relay: () => startResultRelay(parts),
    job: () => startCopyRequestJob({ ...parts, settings }),
  }
  const running: Stoppable[] = []
  const stop = async () => {
    const stopping = running.map((party) => party.stop())
    // A loop may wait for room in the broker, and ends only when that is refused.
    await broker.close()
    await Promise.all(stopping)
  }
  try {
    // Those who receive come first, so that what the others send finds them.
    for (const party of ['result', 'consumer', 'relay', 'job'] as const) {
      if (parties.includes(party)) running.push(await start[party]())
    }
  } catch (error) {
    await stop()
    throw error
  }
  return { stop }
}

const httpOptions = (config: Config) => ({
  host: config.HOST,
  port: config.PORT,
  maxBodyBytes: config.API_MAX_BODY,
  maxInHand: Math.ceil(config.DATABASE_POOL / 2),
  access: {
    tokens: loadApiTokens(config),
    userHeaders: {
      id: config.API_USER_ID_HEADER.toLowerCase(),
      name: config.API_USER_NAME_HEADER.toLowerCase(),
    },
    maxRequests: config.API_RATE_LIMIT,
  },
})

interface Stoppable {
  stop(): Promise<void>
}

async function openBroker(config: Config, database: Database, logger: Logger): Promise<Broker> {
  const rocketMq = rocketMqOptions(config, logger)
  if (rocketMq) {
    const { createRocketMqBroker } = await import('./platform/rocketmq.ts')
    return createRocketMqBroker(rocketMq)
  }
  // What the last process's broker held went with it.
  await forgetInFlight(database)
  const topics: Record<string, string[]> = {}
  for (const { topic, consumerGroup } of SUBSCRIPTIONS) topics[topic] = [consumerGroup]
  return createMemoryBroker({ topics })
}

/** @returns undefined when the broker is the one in the process */
export function rocketMqOptions(config: Config, logger: Logger): RocketMqOptions | undefined {
  const { ROCKETMQ_ENDPOINTS, ROCKETMQ_ACCESS_KEY, ROCKETMQ_SECRET_KEY } = config
  if (ROCKETMQ_ENDPOINTS === undefined) return undefined
  return {
    endpoints: ROCKETMQ_ENDPOINTS,
    ...(ROCKETMQ_ACCESS_KEY !== undefined &&
      ROCKETMQ_SECRET_KEY !== undefined && {
        credentials: { accessKey: ROCKETMQ_ACCESS_KEY, accessSecret: ROCKETMQ_SECRET_KEY },
      }),
    tls: config.ROCKETMQ_TLS,
    prefix: config.ROCKETMQ_PREFIX,
    topics: SUBSCRIPTIONS.map(({ topic }) => topic),
    unordered: [PRODUCT_COPY_RESULT],
    loops: config.CONCURRENCY,
    logger,
  }
}
