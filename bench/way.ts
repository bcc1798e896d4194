import type { Env } from '../stack/part.ts'
import type { SqlPart } from '../stack/sql.ts'

/** One way to bring products from a submitter into `product_unique` and `product`, results counted by the submitter. */
export interface Way {
  /** The row's name in the table. */
  name: string
  database: SqlPart
  /** Products of one round: fewer for a slow way, or it would take all day. */
  products: number
  /** Does it once, in an empty database. */
  run(place: Place): Promise<Run>
}

/** Where one round takes place. */
export interface Place {
  products: number
  /** With DATABASE_URL: empty tables of this version. */
  env: Env
}

export interface Run {
  /** From the submission of the first product to the arrival of the last result. */
  seconds: number
  /** Of all processes but the servers. */
  cpuSeconds: number
  /** The largest of these processes, at its largest. */
  peakMiB: number
}
