import { readFileSync } from 'node:fs'
import path from 'node:path'
import { Command, CommanderError } from 'commander'
import { errorLines, errorText } from '../errors.ts'
import { addAdopt } from './commands/adopt.ts'
import { addAudit } from './commands/audit.ts'
import { addBrands } from './commands/brands.ts'
import { addCompare } from './commands/compare.ts'
import { addCopy } from './commands/copy.ts'
import { addDeadLetters } from './commands/dead-letters.ts'
import { addImport } from './commands/import.ts'
import { addMerge } from './commands/merge.ts'
import { addMigrate } from './commands/migrate.ts'
import { addPreflight } from './commands/preflight.ts'
import { addResults } from './commands/results.ts'
import { addServe } from './commands/serve.ts'
import { addStatus } from './commands/status.ts'
import { packageRoot } from '../platform/package-root.ts'
import { EXIT, exitCodeOf, stopPrinting, type Run } from './output.ts'

const { version } = JSON.parse(readFileSync(path.join(packageRoot(), 'package.json'), 'utf8')) as {
  version: string
}

const program = new Command('product-copy')
  .version(version)
  .description("Copies products in bulk, without duplicates and near the database's own speed.")
  .addHelpText(
    'after',
    `
Exit codes: 0 done, 1 done with rejected or failed items or with duplicates left, 2 wrong use or bad
input, 3 could not run.
The embedded database lies in the folder DATA_DIR (default ./data).

Example:
  product-copy import catalogue.csv
  product-copy brands add Aurora Borealis
  product-copy copy --from Samsung --to Aurora,Borealis --watch
  product-copy audit`,
  )
  .exitOverride()
  .showSuggestionAfterError(false)

/** Runs a command's work; a foreseen error is one line for whoever can mend it. */
const run: Run = async (work) => {
  try {
    process.exitCode = await work()
  } catch (error) {
    for (const line of errorLines(error)) process.stderr.write(`product-copy: ${line}\n`)
    process.exitCode = exitCodeOf(error)
  }
}

for (const add of [
  addPreflight,
  addMigrate,
  addImport,
  addBrands,
  addCopy,
  addStatus,
  addResults,
  addAudit,
  addAdopt,
  addMerge,
  addDeadLetters,
  addCompare,
  addServe,
]) {
  add(program, run)
}

/** Makes wrong use of each command one line, which ends with the help that says what is right. */
function hintAtHelp(command: Command, name: string): void {
  command.configureOutput({
    outputError: (text, write) => {
      const line = text.trim().replace(/^error: |[.]$/g, '')
      write(`product-copy: ${line}; "${name} --help" shows what there is\n`)
    },
  })
  for (const part of command.commands) hintAtHelp(part, `${name} ${part.name()}`)
}
hintAtHelp(program, program.name())

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') return stopPrinting()
  process.stderr.write(`product-copy: the output cannot be written: ${errorText(error)}\n`)
  process.exit(EXIT.couldNotRun)
})
process.stderr.on('error', () => undefined)

try {
  await program.parseAsync()
} catch (error) {
  if (!(error instanceof CommanderError)) throw error
  process.exitCode = error.exitCode === 0 ? EXIT.done : EXIT.badInput
}
// The work is done and all is closed. What a client library still keeps open must not keep us.
process.stdout.write('', () => setTimeout(() => process.exit(), 300).unref())
