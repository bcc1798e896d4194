import type { Row } from './measure.ts'
import type { Ratio } from './ratios.ts'

/** The rows and the ratios for a person. */
export function describe(rows: Row[], ratios: Ratio[]): string {
  const width = Math.max(...rows.map(({ name }) => name.length))
  const n = (value: number, columns: number) => value.toLocaleString('en').padStart(columns)
  const head = `${'way'.padEnd(width)} products/s      min      max  ours  database  broker  MiB`
  const lines = rows.map(
    (row) =>
      `${row.name.padEnd(width)} ${n(row.median, 10)} ${n(row.min, 8)} ${n(row.max, 8)} ${n(row.cpuSecondsPerMillion, 5)} ${n(row.databaseSecondsPerMillion, 9)} ${n(row.brokerSecondsPerMillion, 7)} ${n(row.peakMiB, 4)}`,
  )
  return [head, ...lines, '', ...ratioLines(ratios)].join('\n')
}

function ratioLines(ratios: Ratio[]): string[] {
  if (ratios.length === 0) return []
  const width = Math.max(...ratios.map(({ ours }) => ours.name.length))
  const head = `${'ours at its best'.padEnd(width)}  times  the other at its best`
  const lines = ratios.map(({ ours, other, ratio }) => {
    const times = ratio.toLocaleString('en').padStart(6)
    return `${ours.name.padEnd(width)} ${times}  ${other.name}`
  })
  return [head, ...lines, '']
}
