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

export function describeAudit(result: Audit): string {
  return [
    `live products                          ${result.liveProducts}`,
    `keys held by more than one of them     ${result.duplicateKeys}`,
    `live products without a key            ${result.productsWithoutKey}`,
    `keys without a live product            ${result.keysWithoutProduct}`,
    `live products with the key of another  ${result.mismatchedKeys}`,
  ].join('\n')
}
