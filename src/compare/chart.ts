import type { Comparison, WayResult } from './compare.ts'
import { captionOf } from './describe.ts'
import { deadlocksIn } from './errors.ts'
import { escaped, SVG_STYLE, svgText } from './svg.ts'

type Ran = Exclude<WayResult, { notRun: string }>

const WIDTH = 1040
const LEFT = 8
const LABELS = 160
const PANEL = 210
const GAP = 16
const ROW = 26
const TOP = 78
const BAR = 14

/** A comparison as a picture: products created in a second, one by one and in bulk, and the faults. */
export function drawChart({ ways, ...run }: Comparison): string {
  const ran = ways.filter((way): way is Ran => !('notRun' in way))
  const height = TOP + ran.length * ROW + 14
  const single = Math.max(1, ...ran.map((way) => way.single.createdPerSecond))
  const bulk = Math.max(1, ...ran.map((way) => way.bulk.createdPerSecond))
  const bulkAt = LABELS + PANEL + GAP
  const faultsAt = bulkAt + PANEL + GAP
  const caption = captionOf(run)
  const rows = ran.map((way, index) => {
    const y = TOP + index * ROW
    const faults = faultsOf(way)
    return [
      svgText(LEFT, y + 11, way.way),
      ...bar(LABELS, y, way.single.createdPerSecond / single, way.single.createdPerSecond),
      ...bar(bulkAt, y, way.bulk.createdPerSecond / bulk, way.bulk.createdPerSecond),
      svgText(faultsAt, y + 11, faults || 'none', faults ? 'fault' : 'fine'),
    ].join('\n')
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escaped(`Products created in a second by each way. ${caption}`)}">
<style>${SVG_STYLE}
</style>
${svgText(LEFT, 16, 'Products created in a second', 'title')}
${svgText(LEFT, 36, caption, 'small')}
${svgText(LABELS, 62, 'one by one', 'small')}
${svgText(bulkAt, 62, 'in bulk', 'small')}
${svgText(faultsAt, 62, 'faults', 'small')}
${rows.join('\n')}
</svg>
`
}

/** In the order in which they hurt; the tables have the numbers. */
function faultsOf({ duplicates, missing, readds, deletedRows, answers, errors }: Ran): string {
  const faults = {
    duplicates: duplicates > 0,
    'creating again refused': readds.some(({ not }) => not > 0),
    'products missing': missing > 0,
    deadlocks: deadlocksIn(errors) > 0,
    'deleted rows lost': deletedRows.kept === 0,
    'callers without id': answers.none + answers.wrong > 0,
  }
  return Object.entries(faults)
    .filter(([, found]) => found)
    .map(([fault]) => fault)
    .join(', ')
}

function bar(x: number, y: number, share: number, value: number): string[] {
  // The number stands behind the bar, within the panel.
  const width = Math.max(1, Math.round(share * (PANEL - 60)))
  return [
    `<rect class="bar" x="${x}" y="${y}" width="${width}" height="${BAR}" rx="2"/>`,
    svgText(x + width + 5, y + 11, value.toLocaleString('en'), 'small'),
  ]
}
