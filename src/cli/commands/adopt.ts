import type { Command } from 'commander'
import type { Database } from '../../database.ts'
import { adopt, type Adoption } from '../../products/adopt.ts'
import {
  countDuplicates,
  readGroups,
  readUnadoptable,
  type Leftovers,
} from '../../products/duplicates.ts'
import { EXIT, print, type ExitCode, type Run } from '../output.ts'
import { createProgress } from '../progress.ts'
import { withDatabase } from '../session.ts'

interface Options {
  json?: boolean
}

export function addAdopt(program: Command, run: Run) {
  program
    .command('adopt')
    .description(
      'give live products that other programs wrote their keys, and report the duplicates',
    )
    .option('--json', 'print the counts as the last JSON line, instead of on stderr')
    .addHelpText(
      'after',
      `
Prints a JSON line for each key that several live products have, and for each product whose name or
model can be no key. It can be ended at any moment and run again, and changes no product.
Exit code 1 when such products remain.

Example:
  product-copy adopt > duplicates.ndjson
  product-copy merge --keep oldest`,
    )
    .action((options: Options) => run(() => adoptProducts(options)))
}

function adoptProducts({ json = false }: Options): Promise<ExitCode> {
  return withDatabase({ create: false }, async ({ database }) => {
    const progress = createProgress('adopt', { quiet: json })
    const adoption = await adopt(database, { onProgress: progress.update }).finally(progress.end)
    const summary = await report(database, adoption)
    await printSummary(json, summary, describe(summary))
    const { duplicates, unadoptable, changedMeanwhile, settled } = summary
    const left = duplicates + unadoptable + changedMeanwhile > 0 || !settled
    return left ? EXIT.withLosses : EXIT.done
  })
}

/** Prints what was left. @returns the counts */
async function report(database: Database, adoption: Adoption) {
  const { adopted, released, settled } = adoption
  let groups = 0
  let duplicates = 0
  for await (const group of readGroups(database.knex, adoption)) {
    groups++
    duplicates += group.duplicates.length
    await print(JSON.stringify({ key: group.key, kept: group.owner, duplicates: group.duplicates }))
  }
  const unadoptable = await reportUnadoptable(database, adoption)
  const found = countDuplicates(adoption) + adoption.unadoptable.length
  const changedMeanwhile = found - duplicates - unadoptable
  return { adopted, released, groups, duplicates, unadoptable, changedMeanwhile, settled }
}

/** @returns how many products were printed */
async function reportUnadoptable(database: Database, left: Leftovers): Promise<number> {
  let count = 0
  for await (const { product, reason } of readUnadoptable(database.knex, left)) {
    count++
    await print(JSON.stringify({ unadoptable: product, reason }))
  }
  return count
}

/** The counts of a command whose lines are for programs: for them too, or on stderr for a person. */
export async function printSummary(json: boolean, summary: object, text: string): Promise<void> {
  if (json) await print(JSON.stringify({ summary }))
  else process.stderr.write(`${text}\n`)
}

export const changedText = (count: number): string =>
  `products left alone, for they or the holder of their key have changed: ${count} (run "product-copy adopt" again)`

function describe(summary: Awaited<ReturnType<typeof report>>): string {
  const { adopted, released, groups, duplicates, unadoptable, changedMeanwhile } = summary
  const lines = [
    `products that got their key               ${adopted}`,
    `wrong keys removed                        ${released}`,
    `keys that several live products have      ${groups}`,
    `duplicates: products without their key    ${duplicates}`,
    `products whose texts can be no key        ${unadoptable}`,
  ]
  if (duplicates > 0)
    lines.push('"product-copy merge --keep oldest" shows how they would be merged')
  if (changedMeanwhile > 0) lines.push(changedText(changedMeanwhile))
  if (!summary.settled) {
    lines.push('other programs go on writing products without a key: run it again when they stop')
  }
  return lines.join('\n')
}
