import type { Guard } from '../stack/guard.ts'
import type { Env } from '../stack/part.ts'
import { fillEarlier } from './earlier.ts'
import { powerOf } from './fit.ts'
import { middle, WARM_UP_PRODUCTS } from './measure.ts'
import { ours } from './ours.ts'
import { withDatabase } from './place.ts'
import { tableSizes } from './table-sizes.ts'
import type { Run } from './way.ts'

export const CONSUMERS = 2
const DATABASE = 'mysql'

export interface GrowthOptions {
  /** Products that are there before. */
  existing: number[]
  /** Items of the request beside them. */
  products: number
  /** Items of requests in an empty database. */
  items: number[]
  rounds: number
}

/** One request, in the round that is the median. */
export interface Point {
  existing: number
  items: number
  seconds: number
  productsPerSecond: number
  microsecondsAnItem: number
  /** Of each of our processes, at its largest. */
  peakMiB: Record<string, number>
  /** With what the warm-up has left there. */
  tableMiB: Record<string, number>
}

/** How ours does with more and more products, and with larger and larger requests. */
export interface Growth {
  database: string
  consumers: number
  rounds: number
  byExisting: Point[]
  byItems: Point[]
  /** The time grows with the items to this power, as fitted; without two sizes there is none. */
  exponent?: number
}

/** Each request has a database of its own, which is audited afterwards. */
export async function measureGrowth(
  { existing, products, items, rounds }: GrowthOptions,
  env: Env,
  guard: Guard,
): Promise<Growth> {
  const cases = [
    ...existing.map((count) => ({ existing: count, items: products })),
    ...items.map((count) => ({ existing: 0, items: count })),
  ]
  const points: Point[][] = cases.map(() => [])
  for (let round = 1; round <= rounds; round++) {
    for (const [index, one] of cases.entries()) {
      const point = await measurePoint(one, env, guard)
      points[index]!.push(point)
      const { productsPerSecond } = point
      process.stderr.write(
        `round ${round} of ${rounds}: ${one.items} items beside ${one.existing} products: ${productsPerSecond}/s\n`,
      )
    }
  }
  const medians = points.map((of) => {
    const seconds = middle(of.map((point) => point.seconds))
    return of.find((point) => point.seconds === seconds)!
  })
  const byItems = medians.slice(existing.length)
  return {
    ...{ database: DATABASE, consumers: CONSUMERS, rounds },
    byExisting: medians.slice(0, existing.length),
    byItems,
    ...(new Set(items).size > 1 && {
      exponent: Number(powerOf(byItems.map((at) => [at.items, at.seconds])).exponent.toFixed(3)),
    }),
  }
}

type Case = Pick<Point, 'existing' | 'items'>

function measurePoint({ existing, items }: Case, env: Env, guard: Guard): Promise<Point> {
  const way = ours({ database: DATABASE, products: items, consumers: CONSUMERS, guard })
  const warmUp = WARM_UP_PRODUCTS
  const work = async (own: Env) => {
    await fillEarlier(own, existing, items)
    const run = await way.run({ products: items, warmUp, env: own })
    return pointOf({ existing, items }, run, await tableSizes(own))
  }
  return withDatabase(DATABASE, env, work, existing + items + warmUp)
}

const pointOf = (
  { existing, items }: Case,
  { seconds, peakMiB }: Run,
  tableMiB: Point['tableMiB'],
): Point => ({
  existing,
  items,
  seconds: Number(seconds.toFixed(3)),
  productsPerSecond: Math.round(items / seconds),
  microsecondsAnItem: Number(((seconds * 1e6) / items).toFixed(1)),
  peakMiB,
  tableMiB,
})
