import type { Command } from 'commander'
import { readConfig } from '../../platform/config.ts'
import { migrate } from '../../platform/migrate.ts'
import { connectDatabase } from '../open-database.ts'
import { EXIT, printEither, type ExitCode, type Run } from '../output.ts'

export function addMigrate(program: Command, run: Run) {
  program
    .command('migrate')
    .description('create the tables or bring them up to date (automatic in the embedded mode)')
    .option('--json', 'print one JSON object')
    .action((options: { json?: boolean }) => run(() => bringUpToDate(options.json)))
}

async function bringUpToDate(json: boolean | undefined): Promise<ExitCode> {
  const database = await connectDatabase(readConfig(), { create: true, quiet: json })
  try {
    await migrate(database)
    const applied = await database
      .knex('schema_migration')
      .orderBy('version')
      .pluck<string[]>('name')
    await printEither(json, { applied }, `The tables are up to date: ${applied.join(', ')}`)
    return EXIT.done
  } finally {
    await database.close()
  }
}
