import type { Command } from 'commander'
import { audit, isClean, type Audit } from '../../products/audit.ts'
import { EXIT, printEither, type Run } from '../output.ts'
import { withDatabase } from '../session.ts'

export function addAudit(program: Command, run: Run) {
  program
    .command('audit')
    .description('check that each live product is unique; exit code 1 when one is not')
    .option('--json', 'print one JSON object')
    .action((options: { json?: boolean }) =>
      run(() =>
        withDatabase({ create: false }, async ({ database }) => {
          const result = await audit(database)
          await printEither(options.json, result, describeAudit(result))
          return isClean(result) ? EXIT.done : EXIT.withLosses
        }),
      ),
    )
}

function describeAudit(result: Audit): string {
  const lines = [
    `live products                             ${result.liveProducts}`,
    `keys that several live products have      ${result.duplicateKeys}`,
    `live products without their key           ${result.productsWithoutKey}`,
    `wrong keys: without a live product        ${result.keysWithoutProduct}`,
    `wrong keys: not their product's own       ${result.mismatchedKeys}`,
  ]
  lines.push(
    isClean(result)
      ? 'each live product is unique, and has its key'
      : '"product-copy adopt" gives products their keys, and removes wrong keys',
  )
  if (result.duplicateKeys > 0) {
    lines.push('"product-copy merge --keep oldest" then shows how duplicates would be merged')
  }
  return lines.join('\n')
}
