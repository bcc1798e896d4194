import { createRequire } from 'node:module'
import { Duplex } from 'node:stream'
import { format } from 'node:util'
import { unzipSync } from 'node:zlib'
import {
  Producer,
  SimpleConsumer,
  type BaseClientOptions,
  type ILogger,
  type TopicRouteData,
} from 'rocketmq-client-nodejs'
import { errorText, ProductCopyError } from '../errors.ts'
import type { Logger } from './logger.ts'

export type { MessageView, Producer } from 'rocketmq-client-nodejs'

/**
 * The client gives no options to gRPC, which waits for up to two minutes before it connects again: a
 * broker that was away for a minute would stay away for another one.
 */
const grpc = createRequire(import.meta.url)(
  'rocketmq-client-nodejs/proto/apache/rocketmq/v2/service_grpc_pb',
) as {
  MessagingServiceClient: new (address: string, credentials: unknown, options?: object) => object
}
const CHANNEL = {
  'grpc.initial_reconnect_backoff_ms': 200,
  'grpc.min_reconnect_backoff_ms': 200,
  'grpc.max_reconnect_backoff_ms': 2000,
  // A peer that vanished without a word would be waited for by TCP for a quarter of an hour.
  'grpc.keepalive_time_ms': 20_000,
  'grpc.keepalive_timeout_ms': 5000,
}
grpc.MessagingServiceClient = class extends grpc.MessagingServiceClient {
  constructor(address: string, credentials: unknown) {
    super(address, credentials, CHANNEL)
  }
}

export interface RocketMqOptions {
  /** host:port of the proxy. */
  endpoints: string
  credentials?: { accessKey: string; accessSecret: string } | undefined
  tls: boolean
  /** Put before the names of topics and consumer groups. */
  prefix: string
  /** Topics that are published to. */
  topics: string[]
  /** Messages of one subscription that are in hand at a time. */
  loops: number
  logger: Logger
}

const REQUEST_MS = 3000
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
  const text = errorText(cause)
  const { topics, group = '' } = needs
  let problem = `ROCKETMQ_ENDPOINTS: RocketMQ at ${endpoints} does not work: ${text}`
  if (name === 'NotFoundException') {
    const missing = topics.find((topic) => text.includes(topic)) ?? topics[0]!
    problem = `RocketMQ topic ${missing} does not exist: ${topicCommand(missing)}`
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

/** What the proxy told a client. */
interface Learned {
  fifoTopics: Set<string>
  orderly: boolean
  /** Lets a client that waits for its settings have those that came before it began to. */
  repeatSettings: () => void
}

/** The methods of the client's base class that are changed here. */
interface Internals {
  onTopicRouteDataUpdate(topic: string, route: TopicRouteData): void
  onSettingsCommand(
    endpoints: unknown,
    settings: { toObject(): { subscription?: { fifo?: boolean } } },
  ): void
  createTelemetryStream(endpoints: unknown): TelemetryStream
  shutdown(): Promise<void>
  rpcClientManager: {
    receiveMessage(...call: unknown[]): Promise<{ getMessage(): IncomingBody | undefined }[]>
    close(): void
  }
}

interface TelemetryStream {
  on(event: 'error', listener: () => void): unknown
  removeAllListeners(): unknown
}

/** MessageType.FIFO of RocketMQ's protocol. */
const FIFO = 2

/** Mends what rocketmq-client-nodejs 1.0.8 does wrong, and listens to what it learns at its start. */
function mend(client: Producer | SimpleConsumer): Learned {
  const internals = client as unknown as Internals
  const { rpcClientManager } = internals
  const receiveMessage = rpcClientManager.receiveMessage.bind(rpcClientManager)
  const original: Omit<Internals, 'rpcClientManager'> = {
    onTopicRouteDataUpdate: internals.onTopicRouteDataUpdate.bind(client),
    onSettingsCommand: internals.onSettingsCommand.bind(client),
    createTelemetryStream: internals.createTelemetryStream.bind(client),
    shutdown: internals.shutdown.bind(client),
  }
  const learned: Learned = {
    fifoTopics: new Set(),
    orderly: false,
    repeatSettings: () => undefined,
  }
  const known = new Map<string, unknown>()
  let closed = false

  internals.onTopicRouteDataUpdate = (topic, route) => {
    for (const queue of route.messageQueues) {
      if (queue.acceptMessageTypesList.includes(FIFO)) learned.fifoTopics.add(topic)
      // It keeps a connection for each endpoints object, and makes new objects every 30 s.
      const { endpoints } = queue.broker
      if (!known.has(endpoints.facade)) known.set(endpoints.facade, endpoints)
      Object.assign(queue.broker, { endpoints: known.get(endpoints.facade) })
    }
    original.onTopicRouteDataUpdate(topic, route)
  }
  internals.onSettingsCommand = (endpoints, settings) => {
    learned.orderly = settings.toObject().subscription?.fifo === true
    learned.repeatSettings = () => original.onSettingsCommand(endpoints, settings)
    learned.repeatSettings()
  }
  internals.createTelemetryStream = (endpoints) => {
    // It opens the stream again a second after a fault, even when it has been shut down meanwhile.
    const stream = closed ? deafStream() : original.createTelemetryStream(endpoints)
    // It stops listening before it lets go of the stream, and an error without listener ends the process.
    const removeAllListeners = stream.removeAllListeners.bind(stream)
    stream.removeAllListeners = () => {
      removeAllListeners()
      return stream.on('error', () => undefined)
    }
    return stream
  }
  internals.shutdown = async () => {
    closed = true
    // It tells a broker first that it goes, and where that fails leaves its connections open.
    await original.shutdown().finally(() => rpcClientManager.close())
  }
  rpcClientManager.receiveMessage = async (...call) => {
    const responses = await receiveMessage(...call)
    for (const response of responses) {
      const message = response.getMessage()
      if (message) unpack(message)
    }
    return responses
  }
  return learned
}

/** Takes what is written, and says nothing. */
const deafStream = () =>
  new Duplex({
    objectMode: true,
    read: () => undefined,
    write: (_chunk, _encoding, done) => done(),
  })

/** A body as gRPC brings it. */
interface IncomingBody {
  getBody_asU8(): Uint8Array
  setBody(body: Uint8Array): void
  getSystemProperties(): { getBodyEncoding(): number; setBodyEncoding(encoding: number): void }
}

/** Encoding.IDENTITY and Encoding.GZIP of RocketMQ's protocol. */
const [IDENTITY, GZIP] = [1, 2]

/**
 * Clients in Java compress what is larger than 4 KB, with zlib; this client takes it for gzip, and
 * fails before anybody has the message. What is neither is left as it is, for the dead letters.
 */
function unpack(message: IncomingBody): void {
  const properties = message.getSystemProperties()
  if (properties.getBodyEncoding() !== GZIP) return
  properties.setBodyEncoding(IDENTITY)
  try {
    message.setBody(unzipSync(message.getBody_asU8()))
  } catch {
    return
  }
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
