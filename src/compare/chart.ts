import type { Comparison, WayResult } from './compare.ts'
import { captionOf } from './describe.ts'
import { deadlocksIn } from './errors.ts'

type Ran = Exclude<WayResult, { notRun: string }>

const WIDTH = 1040
const LEFT = 8
const LABELS = 160
const PANEL = 210
const GAP = 16
const ROW = 26
const TOP = 78
const BAR = 14

/** Colours that can be read on white and on black; the viewer's scheme chooses. */
const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .title { font-weight: 600; font-size: 15px }
  .small { font-size: 11px; fill: #57606a }
  .bar { fill: #0969da }
  .fault { fill: #cf222e }
  .fine { fill: #1a7f37 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .small { fill: #9198a1 }
    .bar { fill: #4493f8 }
    .fault { fill: #ff7b72 }
    .fine { fill: #3fb950 }
  }`

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
      text(LEFT, y + 11, way.way),
      ...bar(LABELS, y, way.single.createdPerSecond / single, way.single.createdPerSecond),
      ...bar(bulkAt, y, way.bulk.createdPerSecond / bulk, way.bulk.createdPerSecond),
      text(faultsAt, y + 11, faults || 'none', faults ? 'fault' : 'fine'),
    ].join('\n')
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escaped(`Products created in a second by each way. ${caption}`)}">
<style>${STYLE}
</style>
${text(LEFT, 16, 'Products created in a second', 'title')}
${text(LEFT, 36, caption, 'small')}
${text(LABELS, 62, 'one by one', 'small')}
${text(bulkAt, 62, 'in bulk', 'small')}
${text(faultsAt, 62, 'faults', 'small')}
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
    text(x + width + 5, y + 11, value.toLocaleString('en'), 'small'),
  ]
}

const text = (x: number, y: number, content: string, kind?: string): string =>
  `<text x="${x}" y="${y}"${kind ? ` class="${kind}"` : ''}>${escaped(content)}</text>`

const escaped = (content: string): string =>
  content.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`)
