import { format } from 'node:util'
import {
  Producer,
  SimpleConsumer,
  type BaseClientOptions,
  type ILogger,
} from 'rocketmq-client-nodejs'
import { errorText, ProductCopyError } from '../errors.ts'
import type { Logger } from './logger.ts'
import { mend, type Learned } from './rocketmq-mends.ts'
import { sendTogether } from './rocketmq-send-together.ts'

export { StatusChecker } from 'rocketmq-client-nodejs'
export type { MessageView, Producer, SimpleConsumer } from 'rocketmq-client-nodejs'

export interface RocketMqOptions {
  /** host:port of the proxy. */
  endpoints: string
  credentials?: { accessKey: string; accessSecret: string } | undefined
  tls: boolean
  /** Put before the names of topics and consumer groups. */
  prefix: string
  /** Topics that are published to. */
  topics: string[]
  /** Those of them whose messages need no order. (Default: none) */
  unordered?: string[]
  /** Messages of one subscription that are in hand at a time. */
  loops: number
  logger: Logger
}

/** How long a call may take. */
export const REQUEST_MS = 3000
/** The client asks three times for a topic's route, and then waits for its settings without end. */
const START_MS = 15_000
/** The proxy refuses 1 s, and makes 5 s of this. */
const LONG_POLL_MS = 3000
const SHUTDOWN_MS = 1000
/** Settings that come while it still asks for the route of a second topic are lost on the client. */
const REPEAT_MS = 100

/**
 * @throws ProductCopyError `could-not-run` when the proxy does not answer, the topic is not there or
 *   not FIFO, or the consumer group is not there or not orderly
 */
export async function startConsumer(
  options: RocketMqOptions,
  topic: string,
  consumerGroup: string,
): Promise<SimpleConsumer> {
  const fullTopic = options.prefix + topic
  const group = options.prefix + consumerGroup
  const log = new ClientLog(options.logger)
  const client = new SimpleConsumer({
    ...clientOptions(options, log),
    consumerGroup: group,
    subscriptions: new Map([[fullTopic, '*']]),
    awaitDuration: LONG_POLL_MS,
  })
  await start(client, log, options, { topics: [fullTopic], group })
  return client
}

/** @throws ProductCopyError `could-not-run` when the proxy does not answer, or a topic is not there or not FIFO */
export async function startProducer(options: RocketMqOptions): Promise<Producer> {
  const topics = options.topics.map((topic) => options.prefix + topic)
  const log = new ClientLog(options.logger)
  const client = new Producer({ ...clientOptions(options, log), topics })
  const unordered = (options.unordered ?? []).map((topic) => options.prefix + topic)
  sendTogether(client, new Set(unordered))
  await start(client, log, options, { topics })
  return client
}

/** Connects a consumer and lets it go again. @throws as `startConsumer` */
export async function checkSubscription(
  options: RocketMqOptions,
  topic: string,
  consumerGroup: string,
): Promise<void> {
  await shutDown(await startConsumer(options, topic, consumerGroup))
}

/** Connects a producer and lets it go again. @throws as `startProducer` */
export async function checkProducer(options: RocketMqOptions): Promise<void> {
  await shutDown(await startProducer(options))
}

const clientOptions = (options: RocketMqOptions, logger: ILogger): BaseClientOptions => ({
  endpoints: options.endpoints,
  namespace: '',
  sslEnabled: options.tls,
  requestTimeout: REQUEST_MS,
  logger,
  ...(options.credentials ? { sessionCredentials: options.credentials } : {}),
})

interface Needs {
  topics: string[]
  /** Of a consumer. */
  group?: string
}

async function start(
  client: Producer | SimpleConsumer,
  log: ClientLog,
  options: RocketMqOptions,
  needs: Needs,
): Promise<void> {
  const learned = mend(client)
  let late: NodeJS.Timeout | undefined
  const repeating = setInterval(() => learned.repeatSettings(), REPEAT_MS)
  try {
    await new Promise<void>((resolve, reject) => {
      late = setTimeout(() => reject(new Error(`no answer within ${START_MS} ms`)), START_MS)
      // A refusal of the settings is only logged by the client, which asks again every second.
      log.onRefused = reject
      client.startup().then(resolve, reject)
    })
  } catch (error) {
    await shutDown(client)
    throw startProblem(error, options, needs)
  } finally {
    clearTimeout(late)
    clearInterval(repeating)
  }
  const problem = orderProblem(learned, needs)
  if (problem === undefined) return
  await shutDown(client)
  throw new ProductCopyError('could-not-run', problem)
}

/** The broker delivers without order, and says nothing, when a topic or a group is not made for it. */
function orderProblem(learned: Learned, { topics, group }: Needs): string | undefined {
  const loose = topics.find((topic) => !learned.fifoTopics.has(topic))
  if (loose !== undefined) {
    return `RocketMQ topic ${loose} is not FIFO: ${topicCommand(loose, 'QUEUES')}`
  }
  if (group === undefined || learned.orderly) return undefined
  return `RocketMQ consumer group ${group} is not orderly: ${groupCommand(group)}`
}

function startProblem(error: unknown, { endpoints, tls }: RocketMqOptions, needs: Needs) {
  const cause = rootCause(error)
  const { code, name } = cause as { code?: number; name?: string }
  const text = errorText(cause).replace(/ *\[request-id=\w*\]/, '')
  const { topics, group = '' } = needs
  let problem = `ROCKETMQ_ENDPOINTS: RocketMQ at ${endpoints} does not work: ${text}`
  if (name === 'NotFoundException') {
    const missing = topics.find((topic) => text.includes(topic)) ?? topics[0]!
    problem = `RocketMQ topic ${missing} does not exist, or no broker that has it is up: ${topicCommand(missing)}`
  } else if (text.includes('group not found')) {
    problem = `RocketMQ consumer group ${group} does not exist: ${groupCommand(group)}`
  } else if (code === UNAVAILABLE || code === DEADLINE_EXCEEDED) {
    problem = `ROCKETMQ_ENDPOINTS: no RocketMQ proxy answers at ${endpoints} with ROCKETMQ_TLS=${tls}: start it, or correct them (${text})`
  } else if (code === UNAUTHENTICATED || code === PERMISSION_DENIED || isRefusal(name)) {
    problem = `ROCKETMQ_ACCESS_KEY, ROCKETMQ_SECRET_KEY: RocketMQ at ${endpoints} refuses them for ${[...topics, group].join(' ').trim()}: ${text}`
  }
  return new ProductCopyError('could-not-run', problem, { cause: error })
}

/** gRPC's status codes. */
const [DEADLINE_EXCEEDED, PERMISSION_DENIED, UNAVAILABLE, UNAUTHENTICATED] = [4, 7, 14, 16]
const isRefusal = (name = '') => name === 'UnauthorizedException' || name === 'ForbiddenException'

const topicCommand = (topic: string, queues = '8') =>
  `mqadmin updateTopic -n NAMESRV -c CLUSTER -t ${topic} -r ${queues} -w ${queues} -a +message.type=FIFO`
const groupCommand = (group: string) =>
  `mqadmin updateSubGroup -n NAMESRV -c CLUSTER -g ${group} -o true -r 16`

function rootCause(error: unknown): unknown {
  const { cause } = (error ?? {}) as { cause?: unknown }
  return cause === undefined ? error : rootCause(cause)
}

/** Ends a client within `SHUTDOWN_MS`: it tells a broker that may be gone. */
export async function shutDown(client: Producer | SimpleConsumer): Promise<void> {
  const ended = client.shutdown().catch(() => undefined)
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, SHUTDOWN_MS)))
  await Promise.race([ended, late])
  clearTimeout(timer)
}

/** The client's own log is for its developers: what matters also reaches its caller as an error. */
class ClientLog implements ILogger {
  readonly #logger: Logger
  onRefused: (error: Error) => void = () => undefined

  constructor(logger: Logger) {
    this.#logger = logger.child({ library: 'rocketmq-client-nodejs' })
  }

  info(...words: unknown[]): void {
    this.#debug(words)
  }

  warn(...words: unknown[]): void {
    this.#debug(words)
  }

  error(...words: unknown[]): void {
    this.#debug(words)
    const refusal = words.find((word) => /^3 INVALID_ARGUMENT|^16 |^7 /.test(errorText(word)))
    if (refusal !== undefined) this.onRefused(refusal as Error)
  }

  #debug(words: unknown[]): void {
    if (!this.#logger.isLevelEnabled('debug')) return
    this.#logger.debug(format(...words.map((word) => (isError(word) ? errorText(word) : word))))
  }
}

const isError = (value: unknown) => typeof value === 'object' && value !== null && 'stack' in value
