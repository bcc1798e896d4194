import type { Env } from '../stack/part.ts'
import { withDatabase } from './place.ts'
import type { Run, Way } from './way.ts'

/** One way's rounds together. */
export interface Row {
  name: string
  products: number
  /** The median. */
  productsPerSecond: number
  median: number
  min: number
  max: number
  /** Of all processes but the servers, for a million products: the median. */
  cpuSecondsPerMillion: number
  /** Of the largest process, in the round where it was largest. */
  peakMiB: number
}

/**
 * Runs all ways in turn, and all of them again in each round, so that a busy moment of the machine
 * does not fall on one of them alone. Each runs in an empty database, which is audited afterwards.
 * @throws when a way loses or doubles a product: then there is no figure
 */
export async function measure(
  ways: Way[],
  { rounds, env }: { rounds: number; env: Env },
): Promise<Row[]> {
  const runs = new Map<Way, Run[]>(ways.map((way) => [way, []]))
  for (let round = 1; round <= rounds; round++) {
    for (const way of ways) {
      const { products } = way
      const work = (own: Env) => way.run({ products, env: own })
      const run = await withDatabase(way.database, env, work, products)
      runs.get(way)!.push(run)
      const rate = Math.round(products / run.seconds)
      process.stderr.write(`round ${round} of ${rounds}: ${way.name}: ${rate}/s\n`)
    }
  }
  return [...runs].map(([way, all]) => rowOf(way, all))
}

function rowOf({ name, products }: Way, runs: Run[]): Row {
  const rates = runs.map(({ seconds }) => Math.round(products / seconds))
  const median = middle(rates)
  return {
    name,
    products,
    productsPerSecond: median,
    median,
    min: Math.min(...rates),
    max: Math.max(...rates),
    cpuSecondsPerMillion: Math.round(
      middle(runs.map(({ cpuSeconds }) => (cpuSeconds / products) * 1e6)),
    ),
    peakMiB: Math.max(...runs.map(({ peakMiB }) => peakMiB)),
  }
}

const middle = (values: number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)]!
