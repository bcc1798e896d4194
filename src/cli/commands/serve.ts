import type { Command } from 'commander'
import { startParties } from '../../parties.ts'
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
        withSession({ create: true }, async ({ database, newId, config, logger }) => {
          const signal = onSignal()
          const settings = { chunkSize: config.CHUNK_SIZE, shards: config.SHARDS }
          const parties = await startParties({ database, newId, settings, logger })
          logger.info({ dataDir: config.DATA_DIR, ...settings, pid: process.pid }, 'serving')
          await reportOpenRequests(database, { json: options.json === true, signal })
          logger.info('stopping')
          await parties.stop()
          return EXIT.done
        }),
      ),
    )
}
