import type { Row } from './measure.ts'

/** The rows for a person. */
export function describe(rows: Row[]): string {
  const width = Math.max(...rows.map(({ name }) => name.length))
  const n = (value: number, columns: number) => value.toLocaleString('en').padStart(columns)
  const head = `${'way'.padEnd(width)} products/s      min      max  CPU s/million  MiB`
  const lines = rows.map(
    (row) =>
      `${row.name.padEnd(width)} ${n(row.median, 10)} ${n(row.min, 8)} ${n(row.max, 8)} ${n(row.cpuSecondsPerMillion, 14)} ${n(row.peakMiB, 4)}`,
  )
  return [head, ...lines, ''].join('\n')
}
