import type { Env } from '../stack/part.ts'
import { withDatabase } from './place.ts'
import type { DatabaseName, Kind, Run, Way } from './way.ts'

/** What a way does before its time is taken. */
export const WARM_UP_PRODUCTS = 20_000

/** One way's rounds together. */
export interface Row {
  name: string
  kind: Kind
  database: DatabaseName
  products: number
  /** The median. */
  productsPerSecond: number
  median: number
  min: number
  max: number
  /** Of all processes but the servers, for a million products: the median. */
  cpuSecondsPerMillion: number
  /** The same of the servers. */
  databaseSecondsPerMillion: number
  brokerSecondsPerMillion: number
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
      const run = await runOnce(way, env)
      runs.get(way)!.push(run)
      const rate = Math.round(way.products / run.seconds)
      process.stderr.write(`round ${round} of ${rounds}: ${way.name}: ${rate}/s\n`)
    }
  }
  return [...runs].map(([way, all]) => rowOf(way, all))
}

function runOnce(way: Way, env: Env): Promise<Run> {
  const { database, products } = way
  const warmUp = Math.min(products, WARM_UP_PRODUCTS)
  const work = (own: Env) => way.run({ products, warmUp, env: own })
  return database === 'embedded' ? work(env) : withDatabase(database, env, work, products + warmUp)
}

function rowOf({ name, kind, database, products }: Way, runs: Run[]): Row {
  const rates = runs.map(({ seconds }) => Math.round(products / seconds))
  const median = middle(rates)
  const perMillion = (of: (run: Run) => number) =>
    Math.round((middle(runs.map(of)) / products) * 1e7) / 10
  return {
    name,
    kind,
    database,
    products,
    productsPerSecond: median,
    median,
    min: Math.min(...rates),
    max: Math.max(...rates),
    cpuSecondsPerMillion: perMillion(({ cpuSeconds }) => cpuSeconds),
    databaseSecondsPerMillion: perMillion(({ servers }) => servers.database),
    brokerSecondsPerMillion: perMillion(({ servers }) => servers.broker + servers.redis),
    peakMiB: Math.max(...runs.flatMap(({ peakMiB }) => Object.values(peakMiB))),
  }
}

export const middle = (values: number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)]!
