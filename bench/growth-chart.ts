import { escaped, SVG_STYLE, svgText } from '../src/compare/svg.ts'
import { powerOf } from './fit.ts'
import { exponentText } from './growth-table.ts'
import type { Growth, Point } from './growth.ts'

const WIDTH = 1040
const HEIGHT = 340
const LEFT = 8
const TOP = 94
const PLOT = { width: 400, height: 190 }
const FIRST = 60
const SECOND = 580

const STYLE = `${SVG_STYLE}
  .line { fill: none; stroke: #57606a; stroke-width: 1.5 }
  .axis { stroke: #57606a; stroke-width: 1 }
  @media (prefers-color-scheme: dark) { .line, .axis { stroke: #9198a1 } }`

/** A point's place in its plot, from 0 to 1 on each axis, and what is written at it. */
interface Dot {
  x: number
  y: number
  across: string
  label: string
}

/** The growth as a picture: the rate beside more and more products, the time of larger and larger requests. */
export function drawGrowth({ byExisting, byItems, exponent, ...run }: Growth): string {
  const rounds = run.rounds > 1 ? `, the median of ${run.rounds} rounds` : ''
  const caption = `${run.database}, ${run.consumers} consumers, default chunks${rounds}; logarithmic but for the rate`
  const fit = exponent === undefined ? '' : exponentText(exponent)
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escaped(`How product-copy grows. ${caption}. ${fit}`)}">
<style>${STYLE}
</style>
${svgText(LEFT, 16, 'How the whole path grows', 'title')}
${svgText(LEFT, 36, caption, 'small')}
${svgText(FIRST, 62, `products a second, ${count(byExisting[0]!.items)} items beside so many products`, 'small')}
${plot(FIRST, rateDots(byExisting))}
${svgText(SECOND, 62, 'seconds of a request of so many items', 'small')}
${plot(SECOND, timeDots(byItems), exponent === undefined ? undefined : fitted(byItems))}
${svgText(SECOND, HEIGHT - 10, fit, 'small')}
</svg>
`
}

const count = (value: number): string => value.toLocaleString('en')

function rateDots(points: Point[]): Dot[] {
  const across = logScale(points.map(({ existing }) => existing))
  const most = Math.max(...points.map(({ productsPerSecond }) => productsPerSecond))
  return points.map(({ existing, productsPerSecond }) => ({
    x: across(existing),
    y: productsPerSecond / most,
    across: count(existing),
    label: count(productsPerSecond),
  }))
}

function timeDots(points: Point[]): Dot[] {
  const across = logScale(points.map(({ items }) => items))
  const up = logScale(points.map(({ seconds }) => seconds))
  return points.map(({ items, seconds }) => ({
    x: across(items),
    y: up(seconds),
    across: count(items),
    label: `${count(seconds)} s`,
  }))
}

/** The ends of the fitted line. */
function fitted(points: Point[]): Pick<Dot, 'x' | 'y'>[] {
  const { factor, exponent } = powerOf(points.map(({ items, seconds }) => [items, seconds]))
  const sizes = points.map(({ items }) => items)
  const across = logScale(sizes)
  const up = logScale(points.map(({ seconds }) => seconds))
  const ends = [Math.min(...sizes), Math.max(...sizes)]
  return ends.map((items) => ({ x: across(items), y: up(factor * items ** exponent) }))
}

/** @returns where a value lies between the least and the greatest, on a logarithmic axis */
function logScale(values: number[]): (value: number) => number {
  const [least, most] = [Math.min(...values), Math.max(...values)]
  return (value) => (least === most ? 0.5 : Math.log(value / least) / Math.log(most / least))
}

function plot(left: number, dots: Dot[], line: Pick<Dot, 'x' | 'y'>[] = dots): string {
  const bottom = TOP + PLOT.height
  const at = ({ x, y }: Pick<Dot, 'x' | 'y'>) =>
    [left + Math.round(x * PLOT.width), bottom - Math.round(y * PLOT.height)] as const
  const path = line.map((point) => at(point).join(',')).join(' ')
  return [
    `<line class="axis" x1="${left}" y1="${bottom}" x2="${left + PLOT.width}" y2="${bottom}"/>`,
    `<polyline class="line" points="${path}"/>`,
    ...dots.flatMap((dot) => {
      const [x, y] = at(dot)
      return [
        `<circle class="bar" cx="${x}" cy="${y}" r="4"/>`,
        svgText(x - 20, y - 9, dot.label, 'small'),
        svgText(x - 20, bottom + 18, dot.across, 'small'),
      ]
    }),
  ].join('\n')
}
