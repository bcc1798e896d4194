import { randomBytes } from 'node:crypto'
import { ProductCopyError } from '../errors.ts'
import type { RedisConnection } from '../platform/redis.ts'
import { createSnowflake } from '../platform/snowflake.ts'
import { ensureBrands } from '../products/brands.ts'
import { combine } from './combine.ts'
import { makeLoad } from './load.ts'
import { measure, requestsOf, type Measured } from './measure.ts'
import type { ComparePlace } from './place.ts'
import type { ServerCounts } from './server-counters.ts'
import type { Way } from './way.ts'

const BRAND = 'Compared'
const USER = { id: 'compare', name: 'compare' }

export interface CompareOptions {
  place: ComparePlace
  redis?: RedisConnection
  ways: readonly Way[]
  /** Products that are asked for one by one; ten times as many in bulk. */
  products: number
  /** Callers at the same time, each with a connection of its own. */
  clients: number
  /** How often all of it is done. */
  rounds: number
  seed: number
  /** Ends the comparison between two requests. */
  signal: AbortSignal
  onProgress: (done: number, total: number) => void
}

export type WayResult =
  { way: string; notRun: string } | (Measured & { way: string; server: ServerCounts })

export interface Comparison {
  server: string
  products: number
  clients: number
  rounds: number
  seed: number
  ways: WayResult[]
}

/**
 * Runs the ways one after the other, each under the same load in an empty database; and all of them
 * again in each further round, so that a busy moment of the machine does not fall on one way alone.
 * @throws ProductCopyError `could-not-run` when no database can be made, or it was ended
 */
export async function compare(options: CompareOptions): Promise<Comparison> {
  const { place, redis, ways, products, clients, rounds, seed, onProgress } = options
  const signal = endedBy(options.signal)
  const load = makeLoad({ products, clients, seed, brand: BRAND })
  const where = { dialect: place.dialect, hasRedis: redis !== undefined }
  const able = ways.filter((way) => way.unavailable?.(where) === undefined)
  const total = rounds * able.length * requestsOf(load)
  let done = 0
  const measured = new Map<string, (Measured & { server: ServerCounts })[]>()
  for (let round = 1; round <= rounds; round++) {
    for (const way of able) {
      signal.throwIfAborted()
      const { result, counts } = await place.withDatabase(async (database) => {
        const newId = createSnowflake({ workerId: 0 })
        const [brand] = (await ensureBrands(database, newId, [BRAND])).values()
        const site = { database, newId, brand: brand!, user: USER, prefix: newPrefix() }
        return measure(way, redis ? { ...site, redis } : site, load, {
          clients,
          signal,
          onRequest: () => onProgress(++done, total),
        })
      })
      measured.set(way.name, [...(measured.get(way.name) ?? []), { ...result, server: counts }])
    }
  }
  const results = ways.map((way): WayResult => {
    const found = measured.get(way.name)
    if (found) return { way: way.name, ...combine(found) }
    return { way: way.name, notRun: way.unavailable!(where)! }
  })
  return { server: place.server, products, clients, rounds, seed, ways: results }
}

/** No key of an earlier run, or of the user's, is in the way. */
const newPrefix = () => `product-copy:compare:${randomBytes(6).toString('hex')}`

/** The same signal, with a reason that says what was done about it. */
function endedBy(signal: AbortSignal): AbortSignal {
  const controller = new AbortController()
  const end = () =>
    controller.abort(
      new ProductCopyError(
        'could-not-run',
        'compare was ended by a signal; its tables are removed',
      ),
    )
  if (signal.aborted) end()
  else signal.addEventListener('abort', end, { once: true })
  return controller.signal
}
