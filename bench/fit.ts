/**
 * Fits y = factor * x ^ exponent: a straight line through the logarithms, by least squares.
 * @param points with two different x at the least, all above 0
 */
export function powerOf(points: (readonly [number, number])[]): {
  factor: number
  exponent: number
} {
  const logs = points.map(([x, y]) => [Math.log(x), Math.log(y)] as const)
  const mean = (of: (log: readonly [number, number]) => number) =>
    logs.reduce((sum, log) => sum + of(log), 0) / logs.length
  const x = mean(([at]) => at)
  const y = mean(([, at]) => at)
  const exponent = mean(([a, b]) => (a - x) * (b - y)) / mean(([a]) => (a - x) ** 2)
  return { factor: Math.exp(y - exponent * x), exponent }
}
