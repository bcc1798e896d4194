import type { Growth, Point } from './growth.ts'

/** The growth for a person. */
export function describeGrowth({ byExisting, byItems, exponent, ...run }: Growth): string {
  const rounds = run.rounds > 1 ? `, the median of ${run.rounds} rounds` : ''
  return [
    `product-copy, ${run.database}, ${run.consumers} consumers, default chunks${rounds}`,
    '',
    'Requests beside more and more products; then MiB of each process at its peak, and of each table',
    ...table(byExisting),
    '',
    'Larger and larger requests in an empty database; then the same',
    ...table(byItems),
    '',
    ...(exponent === undefined ? [] : [`${exponentText(exponent)}\n`]),
  ].join('\n')
}

export const exponentText = (exponent: number): string =>
  `twice the items take ${(2 ** exponent).toFixed(2)} times as long (items to the power of ${exponent.toFixed(2)})`

function table(points: Point[]): string[] {
  const first = points[0]!
  const head = [
    ...['there before', 'items', 'seconds', 'products/s', 'µs an item'],
    ...Object.keys(first.peakMiB),
    ...Object.keys(first.tableMiB),
  ]
  const rows = points.map(({ peakMiB, tableMiB, ...point }) =>
    [
      ...[point.existing, point.items, point.seconds],
      ...[point.productsPerSecond, point.microsecondsAnItem],
      ...Object.values(peakMiB),
      ...Object.values(tableMiB),
    ].map((value) => value.toLocaleString('en')),
  )
  const all = [head, ...rows]
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]!.length)))
  return all.map((row) => row.map((text, column) => text.padStart(widths[column]!)).join('  '))
}
