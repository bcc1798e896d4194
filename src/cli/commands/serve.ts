import type { Command } from 'commander'
import { withParties } from '../carry-out.ts'
import { EXIT, type Run } from '../output.ts'
import { withSession } from '../session.ts'
import { onSignal } from '../signals.ts'
import { reportOpenRequests } from '../report-open-requests.ts'

export function addServe(program: Command, run: Run) {
  program
    .command('serve')
    .description(
      'carry out the recorded requests, all parties in one process, until SIGINT or SIGTERM',
    )
    .option('--json', 'print the progress of each request as JSON lines')
    .addHelpText('after', '\nExample:\n  DATA_DIR=./data product-copy serve')
    .action((options: { json?: boolean }) =>
      run(() =>
        withSession({ create: true, quiet: options.json }, async (session) => {
          const { database, config, logger } = session
          const signal = onSignal()
          await withParties(session, async () => {
            logger.info({ dataDir: config.DATA_DIR, pid: process.pid }, 'serving')
            await reportOpenRequests(database, { json: options.json === true, signal })
            logger.info('stopping')
          })
          return EXIT.done
        }),
      ),
    )
}
