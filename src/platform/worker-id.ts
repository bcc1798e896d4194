import { randomInt, randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { errorText, ProductCopyError } from '../errors.ts'
import { createFaultLog } from './fault-log.ts'
import type { Logger } from './logger.ts'
import { pause } from './pause.ts'
import type { RedisConnection } from './redis.ts'
import { WORKER_IDS } from './snowflake.ts'

const KEY = 'product-copy:worker-id'

/**
 * How long the id of a killed process stays taken. Long enough for a pause of a busy or stopped
 * process and for a Redis that starts again; short enough for 300 pods that crash every 10 s.
 */
const TTL_MS = 30_000
/** So many renewals may fail before the lease ends. Two processes share an id for one interval at most. */
const RENEWALS_PER_TTL = 6
const RETRY_MS = 500
const GOT_ID = 'got a worker id'
const FIRST_ATTEMPT_MS = 5000

/**
 * Takes the id ARGV[1] when it is free or the token's already, or else the next one that is, for
 * ARGV[3] milliseconds. One statement for the first lease, for its renewal, and for what is left of it
 * after Redis was emptied; a repetition, when the answer was lost, takes the same id again.
 */
const TAKE = `
for i = 0, ${WORKER_IDS - 1} do
  local id = (ARGV[1] + i) % ${WORKER_IDS}
  local key = KEYS[1] .. ':' .. id
  local holder = redis.call('GET', key)
  if not holder or holder == ARGV[2] then
    redis.call('SET', key, ARGV[2], 'PX', ARGV[3])
    return id
  end
end
return -1`

const GIVE_BACK = `
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0`

export interface WorkerIdLease {
  /** The id of this process now. It changes when another process has taken it meanwhile. */
  readonly workerId: () => number
  /** Gives the id back. Takes two seconds at the most, and never rejects. */
  close(): Promise<void>
}

export interface LeaseOptions {
  redis: RedisConnection
  logger: Logger
  /** Ends the wait for an id. */
  signal: AbortSignal
  /** Milliseconds until the id of a killed process is free again. (Default: 30 s) */
  ttlMs?: number
}

/**
 * Leases a worker id that no other process on this Redis has, and waits while Redis is away.
 *
 * A process that has an id keeps it and goes on when Redis goes away: stopping would cost more than it
 * saves, for what a shared id can cause is two rows with one primary key, which the database refuses.
 * That is possible from the moment another process takes the id (Redis was emptied; or this process
 * was stopped or cut off for longer than `ttlMs`) until the next renewal that Redis answers: one
 * interval, and at once after a new connection. A process that was stopped may make ids in this time
 * before its timer has its turn.
 *
 * All installations on one Redis share the ids: theirs never meet, so that this only uses some up.
 *
 * @throws ProductCopyError `could-not-run` when all ids are taken, when Redis refuses the user, or
 *   when the wait was ended
 */
export async function leaseWorkerId(options: LeaseOptions): Promise<WorkerIdLease> {
  const { redis, logger, ttlMs = TTL_MS } = options
  const token = `${hostname()} ${process.pid} ${randomUUID()}`
  const take = (id: number) => takeWorkerId(redis, id, token, ttlMs)

  let id = await waitForId(options, take)
  logger.debug({ workerId: id }, 'leased a worker id')
  const faults = createFaultLog(logger, {
    fails: 'the worker id cannot be renewed, going on with it',
    over: 'the worker id is renewed again',
  })

  async function renew(): Promise<void> {
    try {
      const taken = await take(id)
      if (taken !== id) {
        logger.warn(
          { from: id, to: taken },
          'another process has the worker id, taking another one',
        )
        id = taken
      }
      faults.worked()
    } catch (error) {
      faults.failed(redis.fault() ?? errorText(error))
    }
  }

  let renewing: Promise<void> | undefined
  const startRenewal = () => {
    renewing ??= renew().finally(() => (renewing = undefined))
  }
  // At a new connection at once: it may be to a Redis that was emptied.
  const timer = setInterval(startRenewal, ttlMs / RENEWALS_PER_TTL).unref()
  redis.client.on('ready', startRenewal)

  return {
    workerId: () => id,
    async close() {
      clearInterval(timer)
      redis.client.off('ready', startRenewal)
      // What cannot be given back is free after the time to live. A renewal under way was sent before.
      const givenBack = redis.client.eval(GIVE_BACK, 1, `${KEY}:${id}`, token)
      await Promise.allSettled([renewing, givenBack])
    },
  }
}

async function waitForId(
  { redis, logger, signal }: LeaseOptions,
  take: (id: number) => Promise<number>,
): Promise<number> {
  const faults = createFaultLog(logger, {
    fails:
      'waiting for a worker id: Redis (REDIS_URL) does not answer; set WORKER_ID to go on without it',
    over: GOT_ID,
  })
  const start = randomInt(WORKER_IDS)
  await Promise.race([redis.firstAttempt, pause(FIRST_ATTEMPT_MS, signal, { ref: false })])
  let waited = false
  while (!signal.aborted) {
    try {
      const id = await take(start)
      // Told at once, whatever the log of the faults thinks: this happens once.
      if (waited) logger.info({ workerId: id }, GOT_ID)
      return id
    } catch (error) {
      if (error instanceof ProductCopyError) throw error
      const reason = redis.fault() ?? errorText(error)
      if (/^(NOAUTH|WRONGPASS|NOPERM)\b/.test(reason)) throw refused(reason)
      faults.failed(reason)
      waited = true
    }
    await pause(RETRY_MS, signal, { ref: false })
  }
  throw new ProductCopyError('could-not-run', 'stopped while waiting for a worker id')
}

async function takeWorkerId(
  { client }: RedisConnection,
  id: number,
  token: string,
  ttlMs: number,
): Promise<number> {
  const taken = (await client.eval(TAKE, 1, KEY, id, token, ttlMs)) as number
  if (taken >= 0) return taken
  throw new ProductCopyError(
    'could-not-run',
    `all ${WORKER_IDS} worker ids are taken in Redis (REDIS_URL): end some processes; the ids of killed ones are free after ${ttlMs / 1000} s`,
  )
}

const refused = (reason: string): ProductCopyError =>
  new ProductCopyError('could-not-run', `REDIS_URL: Redis refuses the user or password: ${reason}`)
