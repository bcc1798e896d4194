import type { Comparison, WayResult } from './compare.ts'
import { deadlocksIn, type ErrorCounts } from './errors.ts'
import { READDED } from './load.ts'
import type { Readd } from './measure.ts'

type Ran = Exclude<WayResult, { notRun: string }>

/** Which re-creations are shown. */
const SHOWN_READDS = [1, 2, 3, READDED.times]

const number = (value: number | string): string =>
  typeof value === 'number' ? value.toLocaleString('en') : value

/** A comparison for a person: tables with a row for each way. */
export function describeComparison({ ways, ...run }: Comparison): string {
  const ran = ways.filter((way): way is Ran => !('notRun' in way))
  const notRun = ways.filter((way) => 'notRun' in way)
  return [
    captionOf(run),
    ...(run.server.endsWith('(embedded)')
      ? ['One connection serves all clients here, so that what takes two at once is not seen.']
      : []),
    '',
    `Products a second${run.rounds > 1 ? ', the median of the rounds' : ''}`,
    table(['way', 'one by one: asked', 'created', 'in bulk: asked', 'created'], ran, (way) => [
      ...[way.single.askedPerSecond, way.single.createdPerSecond],
      ...[way.bulk.askedPerSecond, way.bulk.createdPerSecond],
    ]),
    '',
    'What is in the table afterwards, all rounds together, and whether a deleted product can be created again',
    table(
      ['way', 'duplicates', 'missing', ...SHOWN_READDS.map(ordinal), 'deleted rows kept'],
      ran,
      (way) => [
        ...[way.duplicates, way.missing],
        ...SHOWN_READDS.map((nth) => readdText(way.readds[nth - 1]!)),
        `${way.deletedRows.kept} of ${way.deletedRows.of}`,
      ],
    ),
    '',
    'What the callers were told',
    table(
      ['way', 'right id', 'wrong id', 'no id', 'error', 'deadlocks', 'other errors'],
      ran,
      ({ answers, errors }) => [
        ...[answers.right, answers.wrong, answers.none, answers.error],
        ...[deadlocksIn(errors), otherErrors(errors)],
      ],
    ),
    '',
    'What the database went through, what was tried again or swallowed included',
    table(
      [
        'way',
        'deadlocks',
        'other errors',
        'its own count: deadlocks',
        'rollbacks',
        'errors in log',
      ],
      ran,
      ({ databaseErrors, server }) => [
        ...[deadlocksIn(databaseErrors), otherErrors(databaseErrors)],
        ...[server.deadlocks, server.rollbacks, server.logErrors],
      ],
    ),
    ...notRun.map(({ way, notRun }) => `\nnot run: ${way}: ${notRun}`),
  ].join('\n')
}

/** What was run, and how to run it again. */
export const captionOf = (run: Omit<Comparison, 'ways'>): string =>
  `${run.server}: --products ${run.products} --clients ${run.clients} --rounds ${run.rounds} --seed ${run.seed}`

const ordinal = (nth: number): string => `${nth}${['th', 'st', 'nd', 'rd'][nth % 10] ?? 'th'} again`

function readdText({ created, revived, not }: Readd): string {
  const all = created + revived + not
  if (created === all) return 'yes'
  if (revived === all) return 'old row'
  if (not === all) return 'no'
  return `${created + revived} of ${all}`
}

function otherErrors(errors: ErrorCounts): string {
  const others = Object.entries(errors).filter(([name]) => deadlocksIn({ [name]: 1 }) === 0)
  if (others.length === 0) return '0'
  return others.map(([name, count]) => `${number(count)} ${name}`).join(', ')
}

/** The first column to the left, the others to the right. */
function table(head: string[], ways: Ran[], cells: (way: Ran) => (number | string)[]): string {
  const rows = [head, ...ways.map((way) => [way.way, ...cells(way).map(number)])]
  const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows
    .map((row) =>
      row
        .map((cell, at) => (at === 0 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!)))
        .join('  '),
    )
    .join('\n')
}
