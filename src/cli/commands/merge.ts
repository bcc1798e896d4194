import type { Command } from 'commander'
import { badInput, quoted } from '../../errors.ts'
import { countDuplicates, findLeftovers } from '../../products/duplicates.ts'
import { KEEP, mergeAll, planMerges, type Keep, type Merge } from '../../products/merge.ts'
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
    .requiredOption('--keep <oldest|newest>', 'which product of a key stays')
    .option('--apply', 'do it, not only say what would be done')
    .option('--json', 'print the counts as the last JSON line, instead of on stderr')
    .addHelpText(
      'after',
      `
The key is name and model, across all brands.
Prints a JSON line for each key that several live products have, with the product that stays and those
that are merged into it: with --apply what was done, without it what would be. A key of more than 501
products has several lines then. A deleted product names the one that stayed in merged_into.
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
    const plans = planMerges(database, found, keep)
    const total = countDuplicates(found)
    // On a terminal the lines themselves show it, and a bar would be in their way.
    const quiet = json || !apply || process.stdout.isTTY
    const progress = createProgress('merge', { quiet })
    const products = await printMerges(apply ? mergeAll(database, plans) : plans, (done) =>
      progress.update(done, total),
    ).finally(progress.end)
    const changedMeanwhile = total - products
    const left = { unadopted: found.unadopted, unadoptable: found.unadoptable.length }
    const summary = { keep, applied: apply, products, ...left, changedMeanwhile }
    await printSummary(json, summary, describe(summary))
    const remain = left.unadopted + left.unadoptable + changedMeanwhile
    return remain > 0 || (!apply && products > 0) ? EXIT.withLosses : EXIT.done
  })
}

const isKeep = (text: string): text is Keep => (KEEP as readonly string[]).includes(text)

/** Prints what is done, or would be, as it comes. @returns how many products that are */
async function printMerges(
  merges: AsyncIterable<Merge>,
  onMerged: (products: number) => void,
): Promise<number> {
  let products = 0
  for await (const { key, kept, merged } of merges) {
    products += merged.length
    onMerged(products)
    await print(JSON.stringify({ key, kept, duplicates: merged }))
  }
  return products
}

interface Summary {
  products: number
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
