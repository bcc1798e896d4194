import { createRequire } from 'node:module'
import { Duplex } from 'node:stream'
import { unzipSync } from 'node:zlib'
import type { Producer, SimpleConsumer, TopicRouteData } from 'rocketmq-client-nodejs'

/** What rocketmq-client-nodejs 1.0.8 does wrong, mended from outside. */

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
  // Its books of each call, for a tool that nobody has here.
  'grpc.enable_channelz': 0,
}
grpc.MessagingServiceClient = class extends grpc.MessagingServiceClient {
  constructor(address: string, credentials: unknown) {
    super(address, credentials, CHANNEL)
  }
}

/** What the proxy told a client. */
export interface Learned {
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

/** Mends a client that has not been started, and listens to what it learns at its start. */
export function mend(client: Producer | SimpleConsumer): Learned {
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
