import type { Row } from './measure.ts'
import type { DatabaseName, Kind } from './way.ts'

/** What ours is compared with, on the same database. */
const OTHERS = {
  toArticle: { kind: 'article', database: 'mysql' },
  toLimit: { kind: 'limit', database: 'mysql' },
  toRedisLock: { kind: 'redis-lock', database: 'mysql' },
  toBullmq: { kind: 'bullmq', database: 'mysql' },
  toPgBoss: { kind: 'pg-boss', database: 'postgres' },
  toGraphileWorker: { kind: 'graphile-worker', database: 'postgres' },
  embeddedToItsLimit: { kind: 'limit', database: 'embedded' },
  plainToArticle: { ours: 'plain', kind: 'article', database: 'mysql' },
} as const satisfies Record<string, { ours?: Kind; kind: Kind; database: DatabaseName }>
type Name = keyof typeof OTHERS

/** One of our best row's median divided by that of the other's best row. */
export interface Ratio {
  name: Name
  ours: Row
  other: Row
  ratio: number
}

/** @returns those of which both sides were run */
export function ratiosOf(rows: Row[]): Ratio[] {
  return Object.entries(OTHERS).flatMap(([name, { kind, database, ...rest }]) => {
    const ours = best(rows, 'ours' in rest ? rest.ours : 'ours', database)
    const other = best(rows, kind, database)
    if (!ours || !other) return []
    const ratio = Number((ours.median / other.median).toPrecision(3))
    return [{ name: name as Name, ours, other, ratio }]
  })
}

/** A row in bulk, if there is one: those with a transaction for each product are the slowest. */
const best = (rows: Row[], kind: Kind, database: DatabaseName): Row | undefined =>
  rows
    .filter((row) => row.kind === kind && row.database === database)
    .sort((a, b) => b.median - a.median)[0]
