import { expect, test } from '@jest/globals'
import type { Row } from '../../bench/measure.ts'
import { ratiosOf } from '../../bench/ratios.ts'

const row = (kind: Row['kind'], database: Row['database'], median: number): Row => ({
  name: `${kind}, ${database}, ${median}`,
  kind,
  database,
  products: 1000,
  productsPerSecond: median,
  median,
  min: median,
  max: median,
  cpuSecondsPerMillion: 1,
  databaseSecondsPerMillion: 1,
  brokerSecondsPerMillion: 1,
  peakMiB: 1,
})

test('our best row is compared with the best row of each other way on the same database', () => {
  const rows = [
    ...[10, 300, 200].map((median) => row('ours', 'mysql', median)),
    row('ours', 'embedded', 50),
    ...[400, 600].map((median) => row('limit', 'mysql', median)),
    row('bulk-load', 'mysql', 900),
    ...[90, 30].map((median) => row('bullmq', 'mysql', median)),
    row('limit', 'embedded', 100),
  ]
  const ratios = ratiosOf(rows).map(({ name, ratio }) => [name, ratio])
  expect(Object.fromEntries(ratios)).toEqual({
    toLimit: 0.5,
    toBullmq: 3.33,
    embeddedToItsLimit: 0.5,
  })
})

test('a way that was not run, or not ours beside it, has no ratio', () => {
  expect(ratiosOf([row('limit', 'mysql', 600), row('ours', 'postgres', 300)])).toEqual([])
})
