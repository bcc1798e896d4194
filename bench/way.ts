import type { Env } from '../stack/part.ts'
import type { Range } from './catalogue.ts'
import { countCpu, usageOf, type Servers } from './processes.ts'
import type { SqlPart } from '../stack/sql.ts'

/** A server of the stack, or the database that is in the process. */
export type DatabaseName = SqlPart | 'embedded'

/** What a way is, whatever its sizes: ours, ours with a message a product, the database alone, or another. */
export type Kind =
  | 'ours'
  | 'plain'
  | 'limit'
  | 'bulk-load'
  | 'article'
  | 'article-our-client'
  | 'redis-lock'
  | 'bullmq'
  | 'pg-boss'
  | 'graphile-worker'

/** One way to bring products from a submitter into `product_unique` and `product`, results counted by the submitter. */
export interface Way {
  /** The row's name in the table. */
  name: string
  kind: Kind
  database: DatabaseName
  /** Products of one round: fewer for a slow way, or it would take all day. */
  products: number
  /** Does it once, in an empty database; with the embedded one, in a folder that it makes itself. */
  run(place: Place): Promise<Run>
}

/** Where one round takes place. */
export interface Place {
  products: number
  /** Done first, through the same processes, and not counted: programs that have just begun are slow. */
  warmUp: number
  /** With DATABASE_URL: empty tables of this version. */
  env: Env
}

/** Something that takes products. */
export interface Pass {
  /**
   * Resolves when the last result is there.
   * @returns for how many milliseconds it had been, where it is only looked for now and then
   */
  pass(range: Range): Promise<number | void>
  close(): Promise<void>
}

/** Takes the warm-up's products, which are others, and then those that count. @returns the seconds for these */
export async function timed(
  { products, warmUp }: Place,
  pass: Pass['pass'],
  begin: () => void,
): Promise<number> {
  await pass({ first: products, products: warmUp })
  begin()
  const started = performance.now()
  const noticedAfter = await pass({ first: 0, products })
  return (performance.now() - started - (noticedAfter ?? 0)) / 1000
}

/** The same for a way that this process does alone. */
export async function timedHere(place: Place, pass: Pass['pass']): Promise<Run> {
  let spent: ReturnType<typeof countCpu> | undefined
  const seconds = await timed(place, pass, () => (spent = countCpu([process.pid])))
  return { seconds, ...spent!(), peakMiB: { script: usageOf(process.pid).peakMiB } }
}

export interface Run {
  /** From the submission of the first product to the arrival of the last result. */
  seconds: number
  /** Of all processes but the servers. */
  cpuSeconds: number
  servers: Servers
  /** Of each of these processes, at its largest, by what it is. */
  peakMiB: Record<string, number>
}
