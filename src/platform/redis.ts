import { Redis, type RedisOptions } from 'ioredis'
import { errorText, ProductCopyError } from '../errors.ts'
import { createFaultLog, STEADY_MS } from './fault-log.ts'
import type { Logger } from './logger.ts'

const CONNECT_MS = 3000
const COMMAND_MS = 2000
/** A connection on which a command waits is given up when nothing at all comes for so long. */
const SILENCE_MS = 3000
/** For the server to close its end, before the socket is destroyed. */
const DISCONNECT_MS = 500
const BACKOFF_MS = { first: 100, longest: 2000 }

export interface RedisConnection {
  /** Its commands fail at once while Redis is away, and after 2 s when it does not answer. */
  readonly client: Redis
  /** Resolves when Redis answers, or when the first attempt to reach it has failed. Never rejects. */
  readonly firstAttempt: Promise<void>
  /** Why Redis cannot be used at this moment: one line without secrets; undefined when it can. */
  fault(): string | undefined
  /** Takes a second at the most, whatever Redis does. */
  close(): Promise<void>
}

/**
 * Connects to Redis, and connects again for ever. Faults are logged when they begin, at growing
 * repetitions and when they end; nobody else needs to log them.
 * @throws ProductCopyError `could-not-run` when the URL is none
 */
export function connectRedis(url: string, logger: Logger): RedisConnection {
  const options = readRedisUrl(url)
  const faults = createFaultLog(logger.child({ redis: `${options.host}:${options.port}` }), {
    fails: 'Redis does not answer, connecting again',
    over: 'Redis answers again',
  })
  let reason = 'not connected yet'
  let attempts = 0
  let steady: NodeJS.Timeout | undefined

  const client = new Redis({
    ...options,
    ...BEHAVIOUR,
    retryStrategy: () => backoff(attempts++),
  })
  // Only the words: the error of a refused HELLO carries the command, and that the password.
  client.on('error', (error) => (reason = reasonOf(error)))
  client.on('ready', () => {
    reason = ''
    // Counted on until it holds, or a server that answers and hangs up is asked in a tight loop.
    steady = setTimeout(() => {
      attempts = 0
      faults.worked()
    }, STEADY_MS).unref()
  })
  client.on('close', () => clearTimeout(steady))
  client.on('reconnecting', () => {
    reason ||= 'it closed the connection'
    faults.failed(reason)
  })

  return {
    client,
    firstAttempt: new Promise((resolve) => {
      for (const event of ['ready', 'reconnecting', 'end']) client.once(event, () => resolve())
    }),
    fault: () => (client.status === 'ready' ? undefined : reason || 'it closed the connection'),
    close: () => close(client),
  }
}

/**
 * What ioredis does by default is to keep commands for later, as many as there are. Here a command
 * that cannot be carried out now fails now, and its caller decides.
 */
const BEHAVIOUR = {
  connectTimeout: CONNECT_MS,
  commandTimeout: COMMAND_MS,
  // A peer that vanished without a word is found by its silence; TCP alone takes 15 minutes.
  socketTimeout: SILENCE_MS,
  disconnectTimeout: DISCONNECT_MS,
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  // ioredis 6.0 leaves the promise of its own SUBSCRIBE unhandled, and its rejection ends the process.
  autoResubscribe: false,
  // A Redis that still loads its data says so in answer to the first command.
  enableReadyCheck: false,
  // After a failover the old primary still answers, but takes no writes: look the primary up again.
  reconnectOnError: (error: Error) => error.message.includes('READONLY'),
} satisfies RedisOptions

/** With jitter: many processes lose the same Redis at the same moment. */
const backoff = (attempts: number): number =>
  Math.min(BACKOFF_MS.longest, BACKOFF_MS.first * 2 ** attempts) * (0.5 + Math.random() / 2)

function close(client: Redis): Promise<void> {
  return new Promise((resolve) => {
    // Between two attempts there is nothing to close, and ioredis sends no event.
    if (client.status === 'end' || client.status === 'reconnecting') {
      client.disconnect()
      resolve()
      return
    }
    const late = setTimeout(resolve, 2 * DISCONNECT_MS)
    client.once('end', () => {
      clearTimeout(late)
      resolve()
    })
    // Not QUIT, which waits for an answer. What was written before is still sent.
    client.disconnect()
  })
}

/** Node gives no text when several addresses of a name have failed, but a code. */
function reasonOf(error: unknown): string {
  const { code } = error as { code?: unknown }
  return errorText(error) || (typeof code === 'string' ? code : 'unknown fault')
}

/**
 * Read here rather than by ioredis, which takes options from the query and connects to anything.
 * @throws ProductCopyError `could-not-run` that names REDIS_URL, never with the password
 */
export function readRedisUrl(url: string) {
  if (!URL.canParse(url)) throw wrongUrl()
  const { protocol, hostname, port, username, password, pathname, search, hash } = new URL(url)
  const scheme = /^rediss?:$/.test(protocol)
  const database = /^\/?(\d{0,5})$/.exec(pathname)
  if (!scheme || hostname === '' || !database || search !== '' || hash !== '') throw wrongUrl()
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port || 6379),
    db: Number(database[1]),
    ...(username !== '' && { username: decoded(username) }),
    ...(password !== '' && { password: decoded(password) }),
    ...(protocol === 'rediss:' && { tls: {} }),
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw wrongUrl()
  }
}

/** Says nothing of what was found, for that may be the password. */
const wrongUrl = (): ProductCopyError =>
  new ProductCopyError(
    'could-not-run',
    'REDIS_URL is not the URL of a Redis: it must be like redis://host:6379, or rediss://user:password@host:6379/0 with TLS, and signs such as @ / # ? % in a password are percent-encoded',
  )
