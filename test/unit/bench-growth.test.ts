import { expect, test } from '@jest/globals'
import { powerOf } from '../../bench/fit.ts'
import { drawGrowth } from '../../bench/growth-chart.ts'
import { describeGrowth } from '../../bench/growth-table.ts'
import type { Growth, Point } from '../../bench/growth.ts'

const point = (existing: number, items: number, seconds: number): Point => ({
  existing,
  items,
  seconds,
  productsPerSecond: Math.round(items / seconds),
  microsecondsAnItem: (seconds * 1e6) / items,
  peakMiB: { 'consumer 1': 150 },
  tableMiB: { product: 12.5 },
})

const growth: Growth = {
  database: 'mysql',
  consumers: 2,
  rounds: 1,
  byExisting: [point(10_000, 100_000, 4), point(1_000_000, 100_000, 5)],
  byItems: [point(0, 1000, 0.1), point(0, 10_000, 0.5), point(0, 100_000, 4)],
  exponent: 0.801,
}

test('a power is found again from its points, and a straight line is one of 1', () => {
  const of = (exponent: number) => powerOf([1, 10, 50, 1000].map((x) => [x, 3 * x ** exponent]))
  expect(of(1).exponent).toBeCloseTo(1, 10)
  expect(of(1.5).exponent).toBeCloseTo(1.5, 10)
  expect(of(1.5).factor).toBeCloseTo(3, 10)
})

test('the table has a row for each point, and says how the time grows', () => {
  const text = describeGrowth(growth)
  expect(text.match(/ {2}150 {2}/g)).toHaveLength(5)
  expect(text).toContain('twice the items take 1.74 times as long (items to the power of 0.80)')
})

test('the chart has a dot for each point within the picture, also when there is but one', () => {
  const [there, items] = [growth.byExisting, growth.byItems]
  const { exponent: _, ...unfitted } = growth
  const one = { ...unfitted, byExisting: there.slice(0, 1), byItems: items.slice(0, 1) }
  for (const [drawn, dots] of [
    [drawGrowth(growth), 5],
    [drawGrowth(one), 2],
  ] as const) {
    const places = [...drawn.matchAll(/<circle class="bar" cx="(\d+)" cy="(\d+)"/g)]
    expect(places).toHaveLength(dots)
    for (const [, x, y] of places) {
      expect(Number(x)).toBeLessThan(1000)
      expect(Number(y)).toBeLessThan(290)
    }
    expect(drawn).not.toContain('NaN')
  }
})
