import type { Command } from 'commander'
import type { Database } from '../../database.ts'
import { badInput, quoted } from '../../errors.ts'
import { countDuplicates, findLeftovers, type Leftovers } from '../../products/duplicates.ts'
import { KEEP, mergeAll, planMerges, type Keep } from '../../products/merge.ts'
import { EXIT, print, type ExitCode, type Run } from '../output.ts'
import { createProgress } from '../progress.ts'
import { withDatabase } from '../session.ts'
import { changedText, printSummary } from './adopt.ts'

interface Options {
  keep: string
  apply?: boolean
  json?: boolean
}

export function addMerge(program: Command, run: Run) {
  program
    .command('merge')
    .description('delete duplicates that "adopt" found, logically; a dry run without --apply')
    .requiredOption('--keep <which>', 'which product of a key stays: oldest or newest')
    .option('--apply', 'do it, not only say what would be done')
    .option('--json', 'print the counts as the last JSON line, instead of on stderr')
    .addHelpText(
      'after',
      `
The key is name and model, across all brands.
Without --apply it prints a JSON line for each key that several live products have, with the product
that would stay, and changes nothing. A deleted product names the one that stayed in merged_into.
It can be ended at any moment and run again. Exit code 1 when duplicates remain.

Example:
  product-copy merge --keep oldest > plan.ndjson
  product-copy merge --keep oldest --apply`,
    )
    .action((options: Options) => run(() => merge(options)))
}

async function merge({ keep, apply = false, json = false }: Options): Promise<ExitCode> {
  if (!isKeep(keep)) {
    throw badInput(`--keep is ${quoted(keep)}; allowed are ${KEEP.join(' and ')}`)
  }
  return withDatabase({ create: false }, async ({ database }) => {
    const found = await findLeftovers(database)
    const done = apply
      ? await applyPlans(database, found, { keep, quiet: json })
      : await printPlans(database, found, keep)
    const changedMeanwhile = countDuplicates(found) - done.products
    const left = { unadopted: found.unadopted, unadoptable: found.unadoptable.length }
    const summary = { keep, applied: apply, ...done, ...left, changedMeanwhile }
    await printSummary(json, summary, describe(summary))
    const remain = left.unadopted + left.unadoptable + changedMeanwhile
    return remain > 0 || (!apply && done.products > 0) ? EXIT.withLosses : EXIT.done
  })
}

const isKeep = (text: string): text is Keep => (KEEP as readonly string[]).includes(text)

interface Done {
  /** Products that were merged into others, or would be. */
  products: number
}

async function printPlans(database: Database, found: Leftovers, keep: Keep): Promise<Done> {
  let products = 0
  for await (const { key, kept, merged } of planMerges(database, found, keep)) {
    products += merged.length
    await print(JSON.stringify({ key, kept, duplicates: merged }))
  }
  return { products }
}

async function applyPlans(
  database: Database,
  found: Leftovers,
  { keep, quiet }: { keep: Keep; quiet: boolean },
): Promise<Done> {
  const total = countDuplicates(found)
  const progress = createProgress('merge', { quiet })
  const products = await mergeAll(database, planMerges(database, found, keep), (merged) =>
    progress.update(merged, total),
  ).finally(progress.end)
  return { products }
}

interface Summary extends Done {
  applied: boolean
  unadopted: number
  unadoptable: number
  changedMeanwhile: number
}

function describe(summary: Summary): string {
  const { products, applied, unadopted, unadoptable, changedMeanwhile } = summary
  const lines = [
    applied
      ? `duplicates merged: ${products}`
      : `duplicates that would be merged: ${products} (--apply does it)`,
  ]
  if (unadopted > 0) {
    lines.push(`live products not adopted yet: ${unadopted} ("product-copy adopt" does it)`)
  }
  if (unadoptable > 0) {
    lines.push(
      `live products that can have no key: ${unadoptable} ("product-copy adopt" says which and why)`,
    )
  }
  if (changedMeanwhile > 0) lines.push(changedText(changedMeanwhile))
  return lines.join('\n')
}
