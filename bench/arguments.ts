import { parseArgs } from 'node:util'
import { within } from '../src/cli/within.ts'
import { badInput, errorText } from '../src/errors.ts'
import { TARGETS } from './catalogue.ts'

export const HELP = `Measures the whole path of a copy against the bare database and against other ways, on the stack.

  npm run bench                                      all ways, in turn, 3 rounds
  npm run bench -- --only limit --products 50000     those whose names have this text, or one of several; like this
  npm run bench -- --profile                         where the time of the whole path goes, on MariaDB or MySQL
  npm run bench -- --fairness                        how long a small request waits beside a big one, on the same
  npm run bench -- --growth --chart growth.svg       more and more products, larger and larger requests, on the same

  --products N     products of a round (default: 200000; with --growth the items of a request: 100000)
  --rounds N       how often all of it is done; figures are medians (default: 3)
  --existing LIST  --growth: products there before (default: 10000,100000,1000000,3000000)
  --items LIST     --growth: items of the requests (default: 1000,10000,100000,1000000)
  --chart FILE     --growth: also write a picture (SVG)
  --json           one JSON object; then say npm run --silent

Below the table stands ours at its best, divided by each other way at its best, on the same database: what is
not run has no ratio. Bulk loads are shown for orientation; the limit is what bare transactions reach.
`

/** What is measured instead of all ways. */
const MODES = ['profile', 'growth', 'fairness'] as const
const GROWTH_ALONE = ['existing', 'items', 'chart'] as const
const MOST = 10_000_000

/** @throws ProductCopyError `bad-input` */
export function readArguments() {
  const values = parse()
  const modes = MODES.filter((name) => values[name])
  if (modes.length > 1)
    throw badInput(`--${modes.join(' and --')} are runs of their own: choose one`)
  const { growth } = values
  for (const name of GROWTH_ALONE) {
    if (values[name] !== undefined && !growth) throw badInput(`--${name} belongs to --growth`)
  }
  const [mode] = modes
  if (mode && values.only !== undefined) throw badInput(`--only does not go with --${mode}`)
  return {
    ...values,
    mode,
    only: values.only ?? '',
    rounds: within('--rounds', values.rounds, { least: 1, most: 100 }),
    products: copies('--products', values.products ?? (growth ? '100000' : '200000'), 1000),
    existing: list(values.existing ?? '10000,100000,1000000,3000000').map((text) =>
      within('--existing', text, { least: 1, most: MOST }),
    ),
    items: list(values.items ?? '1000,10000,100000,1000000').map((text) =>
      copies('--items', text, TARGETS.length),
    ),
  }
}

function parse() {
  try {
    return parseArgs({
      options: {
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
        only: { type: 'string' },
        profile: { type: 'boolean', default: false },
        fairness: { type: 'boolean', default: false },
        growth: { type: 'boolean', default: false },
        existing: { type: 'string' },
        items: { type: 'string' },
        chart: { type: 'string' },
        rounds: { type: 'string', default: '3' },
        products: { type: 'string' },
      },
    }).values
  } catch (error) {
    throw badInput(errorText(error))
  }
}

const list = (text: string): string[] => text.split(',').map((part) => part.trim())

/** Each source product is copied into every target brand. */
function copies(option: string, text: string, least: number): number {
  const value = within(option, text, { least, most: MOST })
  if (value % TARGETS.length === 0) return value
  throw badInput(`${option} has ${value}; it must be a multiple of ${TARGETS.length}`)
}
