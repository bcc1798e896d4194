import type { Command } from 'commander'
import { EXIT, printEither, type Run } from '../output.ts'
import { withSession } from '../session.ts'

export function addMigrate(program: Command, run: Run) {
  program
    .command('migrate')
    .description('create the tables or bring them up to date (automatic in the embedded mode)')
    .option('--json', 'print one JSON object')
    .action((options: { json?: boolean }) =>
      run(() =>
        // Opening the embedded database applies what is missing.
        withSession({ create: true, quiet: options.json }, async ({ database, config }) => {
          const applied = await database
            .knex('schema_migration')
            .orderBy('version')
            .pluck<string[]>('name')
          await printEither(
            options.json,
            { dataDir: config.DATA_DIR, applied },
            `The tables in ${config.DATA_DIR} are up to date: ${applied.join(', ')}`,
          )
          return EXIT.done
        }),
      ),
    )
}
