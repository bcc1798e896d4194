import type { Command } from 'commander'
import { copyRequestStatus } from '../../copy/request-status.ts'
import { copyResults } from '../../copy/copy-results.ts'
import { exitCodeFor, print, type Run } from '../output.ts'
import { withDatabase } from '../session.ts'

export function addResults(program: Command, run: Run) {
  program
    .command('results')
    .description('print what became of each item of a copy request, one JSON object a line')
    .argument('<id>', 'the id that "copy" printed')
    .option('--json', 'the same: the output is for programs already')
    .addHelpText(
      'after',
      '\nExample, the items that were not created:\n  product-copy results 116274891223552000 | grep -v \'"created"\'',
    )
    .action((id: string) =>
      run(() =>
        withDatabase({ create: false }, async ({ database }) => {
          const status = await copyRequestStatus(database, id)
          for await (const result of copyResults(database, id)) {
            if (!(await print(JSON.stringify(result)))) break
          }
          if (status.state === 'recorded' || status.state === 'expanding') {
            process.stderr.write(
              `product-copy: not all items of request ${id} are made yet; "product-copy serve" does that\n`,
            )
          }
          return exitCodeFor(status)
        }),
      ),
    )
}
