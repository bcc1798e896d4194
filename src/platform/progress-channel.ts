import { errorText } from '../errors.ts'
import type { Logger } from './logger.ts'
import { connectRedis, type RedisConnection } from './redis.ts'

/**
 * Wakes up who watches a request. The database stays the truth: who is told reads the request's status
 * there, and looks there now and then without being told, for an announcement may be lost.
 */
export interface ProgressChannel {
  /**
   * Says that a request has moved: at once, then at most every 200 ms, the last time always. Never
   * throws, never waits, and costs next to nothing; what cannot be said now is dropped.
   */
  readonly announce: (requestId: string) => void
  /**
   * Calls the listener with the id of each request that has moved, of whichever process and, on a Redis
   * that several installations share, of theirs too.
   * @returns stops it
   */
  readonly onProgress: (listener: ProgressListener) => () => void
  /** Says what is still to be said, and ends. Takes a second at the most, and never rejects. */
  close(): Promise<void>
}

export type ProgressListener = (requestId: string) => void

const WINDOW_MS = 200
/** Requests that move within one window. Beyond that, announcements are dropped. */
const MAX_WINDOWS = 1000
const MAX_IN_FLIGHT = 100
const CHANNEL = 'product-copy:progress'
/** A subscriber only listens, and would never notice that its peer has vanished. */
const PING_MS = 10_000

/** For the embedded mode: announcements within one process. */
export function createLocalProgress(logger: Logger): ProgressChannel {
  const listeners = listenerSet(logger)
  const throttle = throttled(listeners.tell)
  return {
    announce: throttle.announce,
    onProgress: listeners.add,
    close() {
      throttle.close()
      return Promise.resolve()
    },
  }
}

export interface RedisProgressOptions {
  url: string
  /** Announces. It stays open; whoever made it closes it after this channel. */
  redis: RedisConnection
  logger: Logger
}

/** Announcements between all processes on one Redis. Listens on a connection of its own. */
export function createRedisProgress({ url, redis, logger }: RedisProgressOptions): ProgressChannel {
  const listeners = listenerSet(logger)
  const throttle = throttled(publisher(redis))
  let subscriber: RedisConnection | undefined
  let closed = false
  return {
    announce: throttle.announce,
    onProgress(listener) {
      const stop = listeners.add(listener)
      if (!closed) subscriber ??= subscribe(url, logger, listeners.tell)
      return stop
    },
    async close() {
      closed = true
      throttle.close()
      await subscriber?.close()
    },
  }
}

/** Sends without waiting, and drops what would queue up behind a Redis that is away or slow. */
function publisher({ client }: RedisConnection): ProgressListener {
  let inFlight = 0
  return (requestId) => {
    if (client.status !== 'ready' || inFlight === MAX_IN_FLIGHT) return
    inFlight++
    // The connection logs that Redis is away.
    const settled = () => void inFlight--
    void client.publish(CHANNEL, requestId).then(settled, settled)
  }
}

function subscribe(url: string, logger: Logger, tell: ProgressListener): RedisConnection {
  const connection = connectRedis(url, logger.child({ connection: 'progress' }))
  const { client } = connection
  client.on('message', (_channel, requestId) => tell(requestId))
  client.on('ready', () => {
    // Left as it is, a connection without its subscription would look well for ever.
    const again = () => client.status === 'ready' && client.disconnect(true)
    void client.subscribe(CHANNEL).catch(again)
  })
  const timer = setInterval(() => void client.ping().catch(() => undefined), PING_MS).unref()
  client.once('end', () => clearInterval(timer))
  return connection
}

interface Listeners {
  add: (listener: ProgressListener) => () => void
  tell: ProgressListener
}

function listenerSet(logger: Logger): Listeners {
  const listeners = new Set<{ listener: ProgressListener }>()
  return {
    add(listener: ProgressListener): () => void {
      // An entry of its own: the same function may listen twice, and each stop ends one of them.
      const entry = { listener }
      listeners.add(entry)
      return () => void listeners.delete(entry)
    },
    tell(requestId: string): void {
      for (const { listener } of listeners) {
        try {
          listener(requestId)
        } catch (error) {
          logger.error({ requestId, err: errorText(error) }, 'a listener to progress failed')
        }
      }
    },
  }
}

interface Throttle {
  announce: (requestId: string) => void
  /** Sends what waits for the end of its window. */
  close: () => void
}

/** Per request the first call at once, then one for all calls within a window, at its end. */
function throttled(send: ProgressListener): Throttle {
  const windows = new Map<string, { again: boolean; timer: NodeJS.Timeout }>()
  let closed = false

  function open(requestId: string): void {
    const timer = setTimeout(() => {
      const { again } = windows.get(requestId)!
      windows.delete(requestId)
      if (again) open(requestId)
    }, WINDOW_MS).unref()
    windows.set(requestId, { again: false, timer })
    send(requestId)
  }

  return {
    announce(requestId: string): void {
      const window = windows.get(requestId)
      if (window) window.again = true
      else if (!closed && windows.size < MAX_WINDOWS) open(requestId)
    },
    close(): void {
      closed = true
      for (const [requestId, { again, timer }] of windows) {
        clearTimeout(timer)
        if (again) send(requestId)
      }
      windows.clear()
    },
  }
}
