import type { Command } from 'commander'
import type { Database } from '../../database.ts'
import { errorText, isForeseen, ProductCopyError } from '../../errors.ts'
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
    const now = await applyMissing(database)
    const applied = await database
      .knex('schema_migration')
      .orderBy('version')
      .pluck<string[]>('name')
    await printEither(
      json,
      { applied },
      `The tables are up to date: ${applied.join(', ')}${now.length > 0 ? ` (applied now: ${now.join(', ')})` : ''}`,
    )
    return EXIT.done
  } finally {
    await database.close()
  }
}

async function applyMissing(database: Database): Promise<string[]> {
  try {
    return await migrate(database)
  } catch (cause) {
    if (isForeseen(cause)) throw cause
    throw new ProductCopyError(
      'could-not-run',
      `DATABASE_URL: the tables cannot be brought up to date: ${errorText(cause)}`,
      { cause },
    )
  }
}
