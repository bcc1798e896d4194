import type { Command } from 'commander'
import { importCatalogue, type Rejection } from '../../products/import-catalogue.ts'
import { openCatalogue } from '../catalogue-file.ts'
import { exitCodeFor, print, type ExitCode, type Run } from '../output.ts'
import { createProgress } from '../progress.ts'
import { withSession } from '../session.ts'
import { addUserOptions, userOf, type UserOptions } from '../user-options.ts'

/** Rejections that are listed; more are counted. */
const LISTED = { text: 10, json: 1000 }

interface Options extends UserOptions {
  json?: boolean
}

export function addImport(program: Command, run: Run) {
  const command = program
    .command('import')
    .description('import a catalogue; the first product with a key keeps it')
    .argument(
      '<file>',
      '.json (an array), .ndjson or .csv with brand, name, model, price and others',
    )
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  product-copy import catalogue.csv')
  addUserOptions(command).action((file: string, options: Options) =>
    run(() => importFile(file, options)),
  )
}

async function importFile(file: string, options: Options): Promise<ExitCode> {
  const user = userOf(options)
  const catalogue = await openCatalogue(file)
  const listed: Rejection[] = []
  const result = await withSession(
    { create: true, quiet: options.json },
    async ({ database, newId }) => {
      const progress = createProgress('import', { quiet: options.json === true })
      return importCatalogue(database, catalogue.items(), {
        newId,
        user,
        onProgress: ({ total }) => progress.update(total, catalogue.total),
        onRejected: (rejection) => {
          if (listed.length < LISTED.json) listed.push(rejection)
        },
      }).finally(progress.end)
    },
  )
  if (options.json) await print(JSON.stringify({ ...result, rejections: listed }))
  else await printSummary(file, result, listed)
  return exitCodeFor(result)
}

async function printSummary(
  file: string,
  result: { total: number; created: number; existing: number; rejected: number },
  listed: Rejection[],
) {
  const at = file.toLowerCase().endsWith('.json') ? 'item' : 'line'
  for (const rejection of listed.slice(0, LISTED.text)) {
    await print(`rejected ${at} ${rejection.at}: ${rejection.reason}`)
  }
  const more = result.rejected - LISTED.text
  if (more > 0) await print(`rejected ${more} more: --json lists up to ${LISTED.json}`)
  const { total, created, existing, rejected } = result
  await print(`${total} products: ${created} created, ${existing} existing, ${rejected} rejected`)
}
