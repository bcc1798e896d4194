import type { Command } from 'commander'
import { copyRequestStatus } from '../../copy/request-status.ts'
import { exitCodeFor, printEither, type Run } from '../output.ts'
import { withDatabase } from '../session.ts'
import { describeStatus } from '../status-text.ts'

export function addStatus(program: Command, run: Run) {
  program
    .command('status')
    .description('show how a copy request stands')
    .argument('<id>', 'the id that "copy" printed')
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  product-copy status 116274891223552000')
    .action((id: string, options: { json?: boolean }) =>
      run(() =>
        withDatabase({ create: false }, async ({ database }) => {
          const status = await copyRequestStatus(database, id)
          await printEither(options.json, status, describeStatus(status))
          return exitCodeFor(status)
        }),
      ),
    )
}
